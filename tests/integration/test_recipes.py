"""The recipes in container/, on a Postfix that has the settings of the project that each is for."""

import os
import re

import pytest

from lab import build_folder
from lab.servers import ROOT
from site_of_tests import Site

MACROS = "i {mail_addr} {client_addr} {client_name} {auth_authen}"
OUTSIDER = "<b@outside.example.net>"
GATEWAY = "198.51.100.0/24"  # strangers arrive from there, as they do where Docker hides them

# The part of their main.cf that decides about relaying and filters.
MAILCOW = {
    "milter_mail_macros": MACROS, "milter_protocol": "6", "milter_default_action": "accept",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "smtpd_recipient_restrictions":
        "permit_sasl_authenticated, permit_mynetworks, reject_invalid_helo_hostname, reject_unauth_destination",
    "smtpd_delay_reject": "yes", "smtpd_helo_required": "yes", "broken_sasl_auth_clients": "yes",
    "smtpd_sasl_authenticated_header": "yes"}
MAILU = {
    "milter_mail_macros": MACROS, "milter_protocol": "6", "milter_default_action": "tempfail",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
    "smtpd_client_restrictions": "permit_mynetworks, reject_non_fqdn_sender, permit",
    "smtpd_delay_reject": "yes", "smtpd_helo_required": "yes", "mydestination": ""}
DMS = {
    "milter_protocol": "6", "milter_default_action": "accept",
    "smtpd_relay_restrictions": "permit_mynetworks permit_sasl_authenticated defer_unauth_destination",
    "smtpd_client_restrictions":
        "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, reject_unauth_pipelining",
    "smtpd_delay_reject": "yes", "smtpd_helo_required": "yes", "broken_sasl_auth_clients": "yes"}

# Their policy services, block lists and look-ups of names, which can only refuse, are left out.
MAIL_IN_A_BOX = {
    "milter_default_action": "accept", "non_smtpd_milters": "$smtpd_milters",
    "smtpd_relay_restrictions": "permit_sasl_authenticated,permit_mynetworks,reject_unauth_destination",
    "smtpd_sender_restrictions": "reject_non_fqdn_sender",
    "smtpd_recipient_restrictions": "permit_sasl_authenticated,permit_mynetworks,reject_unlisted_recipient"}
IREDMAIL = {
    "swap_bangpath": "no", "allow_percent_hack": "no", "smtpd_reject_unlisted_sender": "yes", "smtpd_helo_required": "yes",
    "smtpd_helo_restrictions": "permit_mynetworks permit_sasl_authenticated reject_non_fqdn_helo_hostname",
    "smtpd_sender_restrictions":
        "reject_non_fqdn_sender reject_unlisted_sender permit_mynetworks permit_sasl_authenticated",
    "smtpd_recipient_restrictions": "reject_non_fqdn_recipient reject_unlisted_recipient permit_mynetworks "
                                    "permit_sasl_authenticated reject_unauth_destination",
    "smtpd_data_restrictions": "reject_unauth_pipelining"}
MODOBOA = {
    "smtpd_helo_required": "yes", "strict_rfc821_envelopes": "yes", "broken_sasl_auth_clients": "yes",
    "smtpd_recipient_restrictions": "permit_mynetworks permit_sasl_authenticated reject_unauth_destination "
                                    "reject_non_fqdn_sender reject_non_fqdn_recipient reject_non_fqdn_helo_hostname"}


@pytest.fixture(scope="module")
def site(shared_lab):
    site = Site(shared_lab)
    for address in ("192.168.203.1", "172.17.0.1"):
        site.mx.run(["ip", "address", "add", f"{address}/32", "dev", "lo"])
    return site


def setting(name):
    """The one setting of a recipe's fragment."""
    with open(os.path.join(ROOT, "container", name), encoding="utf-8") as file:
        line, = [line for line in file.read().splitlines() if line and line[0] != "#"]
    name, value = line.split(" = ", 1)
    assert name == "smtpd_milters"
    return value


def other_filter(site, port):
    """The project's own filter, which does nothing here."""
    process = site.mx.popen([os.path.join(build_folder(), "bench/do_nothing"), f"inet:{port}@127.0.0.1"])
    site.lab.on_exit(process.kill)
    return process


def relay_as_joe(site):
    with site.outside.session(site.mx.address) as session:
        session.hello()
        assert session.auth_plain("joe", "secret").code == 235
        assert session.command("MAIL FROM:<joe@example.org>").code == 250
        assert session.command(f"RCPT TO:{OUTSIDER}").code == 250


def expect_who_is_reported(site, attach):
    """An authenticated client relays and is nobody's business; a stranger whom the server trusts is told."""
    attach("127.0.0.0/8")
    relay_as_joe(site)
    assert site.alerts() == []
    attach(GATEWAY)
    relay_as_joe(site)
    assert site.ask(OUTSIDER, data=False) == [250]
    alert, = site.alerts("open-relay")
    assert alert["evidence"]["sender"] == "<a@sender.example.net>"


@pytest.mark.parametrize("recipe, main, socket, name, port", [
    ("mailcow/extra.cf", MAILCOW, None, "rspamd", 9900),
    ("mailu/postfix.cf", MAILU, "inet:8895@192.168.203.1", "antispam", 11332),
])
def test_a_recipe_tells_users_from_strangers_and_keeps_the_projects_own_filter(
        site, recipe, main, socket, name, port):
    value = setting(recipe)
    assert "$" not in value and '"' not in value
    assert value.endswith(f", inet:{name}:{port}")
    process = other_filter(site, port)

    def attach(networks):
        site.set_up({**main, "mynetworks": networks, "smtpd_sasl_auth_enable": "yes"},
                    milter={"socket": socket} if socket else None)
        site.postfix.set({"smtpd_milters": value.replace(f"inet:{name}:", "inet:127.0.0.1:")})

    expect_who_is_reported(site, attach)
    process.kill()
    process.wait(10)


def environment(site):
    """The commands of the lab's Postfix are found first."""
    folder = site.mx.new_folder("commands")
    for command in ("postconf", "postfix"):
        path = os.path.join(folder, command)
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\nexec {site.postfix.programs.commands}/{command} -c {site.postfix.etc} \"$@\"\n")
        os.chmod(path, 0o755)
    return {**site.postfix.programs.environment(), "PATH": f"{folder}:{os.environ['PATH']}"}


def filters(site):
    return site.postfix.command("postconf", "-h", "smtpd_milters").stdout.strip()


def run_script(site, name):
    """Twice; the list of filters that comes of it."""
    os.makedirs(os.path.join(site.postfix.spool, "relaywarden"), exist_ok=True)
    for _ in range(2):
        site.mx.run(["bash", os.path.join(ROOT, "container", name)], env=environment(site))
    return filters(site)


def attach_script(site, theirs, path=None):
    """The daily job's words and exit code, and the list of filters that comes of it."""
    site.postfix.set({"smtpd_milters": theirs})
    done = site.mx.run(["sh", os.path.join(ROOT, "container/attach.sh")], check=False,
                       env=environment(site) | ({"PATH": f"{path}:{environment(site)['PATH']}"} if path else {}))
    return done.returncode, done.stdout + done.stderr, filters(site)


@pytest.mark.parametrize("main, theirs", [
    (MAIL_IN_A_BOX, "inet:127.0.0.1:8891"), (IREDMAIL, ""), (MODOBOA, "")],
    ids=["Mail-in-a-Box", "iRedMail", "Modoboa"])
def test_the_recipe_for_a_host_keeps_what_is_there_and_does_nothing_twice(site, main, theirs):
    process = other_filter(site, 8891)
    site.set_up(main)
    site.postfix.set({"smtpd_milters": theirs})
    value = run_script(site, "attach.sh")
    tail = f", {theirs}" if theirs else ""
    assert re.fullmatch(r"\{ unix:relaywarden/milter\.sock, default_action=accept, [^{}]* \}" + re.escape(tail), value)

    def attach(networks):
        site.set_up({**main, "mynetworks": networks, "smtpd_sasl_auth_enable": "yes"})
        site.postfix.set({"smtpd_milters": value})

    expect_who_is_reported(site, attach)
    process.kill()
    process.wait(10)


@pytest.mark.parametrize("theirs", [
    "{ unix:relaywarden/milter.sock, default_action=accept }", "inet:127.0.0.1:8895",
    "inet:127.0.0.1:11332, { inet:127.0.0.1:8895, default_action = accept }",
    "unix:/var/spool/postfix/relaywarden/milter.sock, inet:127.0.0.1:11332"])
def test_the_recipe_for_a_host_knows_a_filter_that_is_attached_in_another_way(site, theirs):
    site.set_up({"milter_default_action": "accept"})
    os.makedirs(os.path.join(site.postfix.spool, "relaywarden"), exist_ok=True)
    assert attach_script(site, theirs) == (0, "", theirs)


@pytest.mark.parametrize("theirs", [
    "unix:relaywarden/milter.sock", "{ inet:127.0.0.1:8895, connect_timeout=2s }, inet:127.0.0.1:11332",
    "{ unix:relaywarden/milter.sock, default_action=tempfail }"])
def test_the_recipe_for_a_host_tells_of_a_filter_whose_absence_would_stop_all_mail(site, theirs):
    site.set_up({"milter_default_action": "tempfail"})
    os.makedirs(os.path.join(site.postfix.spool, "relaywarden"), exist_ok=True)
    code, said, value = attach_script(site, theirs)
    assert (code, value) == (1, theirs)
    assert "without default_action=accept" in said and "write { unix:relaywarden/milter.sock, default_action=accept," in said


def test_the_recipe_for_a_host_does_nothing_where_relaywarden_was_removed(site):
    site.set_up()
    folder = os.path.join(site.postfix.spool, "relaywarden")
    if os.path.exists(folder):
        os.rename(folder, folder + ".gone")
    assert attach_script(site, "inet:127.0.0.1:11332") == (0, "", "inet:127.0.0.1:11332")
    if os.path.exists(folder + ".gone"):
        os.rename(folder + ".gone", folder)


def test_the_recipe_for_a_host_says_each_time_that_a_reload_failed(site):
    site.set_up()
    os.makedirs(os.path.join(site.postfix.spool, "relaywarden"), exist_ok=True)
    broken = site.mx.new_folder("broken")
    with open(os.path.join(broken, "postfix"), "w", encoding="ascii") as file:
        file.write('#!/bin/sh\n[ "$1" = status ]\n')
    os.chmod(os.path.join(broken, "postfix"), 0o755)
    for _ in range(2):
        code, said, value = attach_script(site, "inet:127.0.0.1:11332", broken)
        assert (code, value) == (1, "inet:127.0.0.1:11332")
        assert "postfix reload failed, so smtpd_milters is again as it was" in said


def test_the_recipe_of_docker_mailserver_keeps_what_is_there_and_does_nothing_twice(site):
    process = other_filter(site, 8891)
    site.set_up(DMS)
    site.postfix.set({"smtpd_milters": "$dkim_milter", "dkim_milter": "inet:127.0.0.1:8891"})
    value = run_script(site, "docker-mailserver/user-patches.sh")
    assert re.fullmatch(r"\{ inet:172\.17\.0\.1:8895, default_action=accept, [^{}]* \}, \$dkim_milter", value)

    def attach(networks):
        site.set_up({**DMS, "mynetworks": networks, "smtpd_sasl_auth_enable": "yes"},
                    milter={"socket": "inet:8895@172.17.0.1"})
        site.postfix.set({"smtpd_milters": value, "dkim_milter": "inet:127.0.0.1:8891"})

    expect_who_is_reported(site, attach)
    process.kill()
    process.wait(10)
