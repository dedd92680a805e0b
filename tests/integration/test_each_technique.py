"""Each technique works: a server that falls for it alone is open, and nothing else is granted.

The servers are real where a real one can tell the technique's words from those of all others. Exim
can for most: its access lists see each command as it was sent.
"""

import collections
import json

import pytest

import zoo
from lab import Exim, Lab, Postfix, Sasl, Server, program, run
from site_of_tests import outcomes

CANARY = "canary@outside.example.net"
WRAPPED = {"percent": "canary%outside.example.net", "bang": "outside.example.net!canary",
           "quoted": f'"{CANARY}"', "double": CANARY}
PLACES = {"own": "@example.org", "literal": "@[203.0.113.25]", "host": "@mx.example.org",
          "bare": "", "subdomain": "@relaywarden.example.org"}

# The access list looks for these: the greeting's name, MAIL and RCPT as they are sent, and more.
Words = collections.namedtuple("Words", "mail rcpt helo more exim")


def words(mail=CANARY, rcpt=CANARY, helo="probe.example.net", more="", parameters="", **exim):
    """mail and rcpt: addresses, or what stands behind the colon if it has brackets or spaces."""
    mail = mail if "<" in mail else f"<{mail}>"
    rcpt = rcpt if "<" in rcpt else f"<{rcpt}>"
    return Words(mail + parameters, rcpt, helo, more, exim)


def wrapped(form, place):
    return words(rcpt=WRAPPED[form] + PLACES[place])


LOGIN = """people:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = false
"""
ANONYMOUS = """anonymous:
  driver = plaintext
  public_name = ANONYMOUS
  server_prompts = :
  server_condition = true
"""

# Where a connection has had a local recipient in a transaction that was then given up, acl_c_begun
# is 1.
FRESH = "{!eq{$acl_c_begun}{1}} {=={$recipients_count}{0}}"

EXIM = {
    "plain": words(more=FRESH),
    "null-sender": words(mail="<>"),
    "own-sender": words(mail="postmaster@example.org"),
    "own-user-sender": words(mail="canary@example.org"),
    "literal-sender": words(mail="postmaster@[203.0.113.25]"),
    "host-sender": words(mail="postmaster@mx.example.org"),
    "greeted-sender": words(mail="postmaster@greeted.example.org",
                            main=["smtp_banner = greeted.example.org ESMTP"]),
    "ehlo-sender": words(mail="postmaster@ehlo.example.org",
                         main=["smtp_active_hostname = ehlo.example.org",
                               "smtp_banner = greeted.example.org ESMTP"]),
    "localhost-sender": words(mail="postmaster@localhost"),
    "bang-sender": words(mail="example.org!postmaster"),
    "bare-sender": words(mail="postmaster"),
    "no-brackets": Words(f"<{CANARY}>", CANARY, "probe.example.net", "", {}),
    "percent-hack": wrapped("percent", "own"),
    "percent-literal": wrapped("percent", "literal"),
    "percent-host": wrapped("percent", "host"),
    "percent-bare": wrapped("percent", "bare"),
    "percent-subdomain": wrapped("percent", "subdomain"),
    "bang-own": wrapped("bang", "own"),
    "bang-literal": wrapped("bang", "literal"),
    "bang-host": wrapped("bang", "host"),
    "bang-path": wrapped("bang", "bare"),
    "quoted": wrapped("quoted", "own"),
    "quoted-literal": wrapped("quoted", "literal"),
    "quoted-host": wrapped("quoted", "host"),
    "quoted-bare": wrapped("quoted", "bare"),
    "quoted-percent": words(rcpt='"canary%outside.example.net"'),
    "quoted-percent-own": words(rcpt='"canary%outside.example.net"@example.org'),
    "source-route": words(rcpt=f"@example.org:{CANARY}"),
    "source-route-host": words(rcpt=f"@mx.example.org:{CANARY}"),
    "source-route-literal": words(rcpt=f"@[203.0.113.25]:{CANARY}"),
    "outside-literal": words(rcpt="canary@[198.51.100.7]"),
    "upper-case": words(rcpt=CANARY.upper()),
    "orcpt": words(rcpt=f"<{CANARY}> ORCPT=rfc822;postmaster@example.org",
                   main=["dsn_advertise_hosts = *"]),
    "notify": words(rcpt=f"<{CANARY}> NOTIFY=NEVER", main=["dsn_advertise_hosts = *"]),
    "smtputf8": words(parameters=" SMTPUTF8", macros={"MAIN_SMTPUTF8_ADVERTISE_HOSTS": "*"}),
    "after-local": words(more="{>{$recipients_count}{0}}"),
    "second-transaction": words(more="{eq{$acl_c_begun}{1}} {=={$recipients_count}{0}}"),
    "helo-own": words(helo="example.org"),
    "helo-host": words(helo="mx.example.org"),
    "helo-localhost": words(helo="localhost"),
    "helo-literal": words(helo="[203.0.113.25]"),
    "before-starttls": words(more="{!def:tls_in_cipher}", tls=True),
    "auth-null": words(parameters=" AUTH=<>", authenticators=LOGIN),
    "auth-own": words(parameters=" AUTH=postmaster@example.org", authenticators=LOGIN),
    "own-in-user": words(rcpt="canary+example.org@outside.example.net"),
    "own-in-domain": words(rcpt="canary@example.org.outside.example.net"),
    "own-in-sender": words(mail="canary@example.org.outside.example.net"),
    "helo-client-address": words(helo="198.51.100.7"),
    "helo-address": words(helo="203.0.113.25"),
    "srs0": words(rcpt="SRS0=rwrw=BA=outside.example.net=canary@example.org"),
    "srs0-plus": words(rcpt="SRS0+rwrw=BA=outside.example.net=canary@example.org"),
    "srs0-minus": words(rcpt="SRS0-rwrw=BA=outside.example.net=canary@example.org"),
    "srs1": words(rcpt="SRS1=rw=outside.example.net==rw=BA=outside.example.net=canary@example.org"),
    "batv": words(rcpt="prvs=1234abcdef=canary=outside.example.net@example.org"),
    "equals": words(rcpt="canary=outside.example.net@example.org"),
    "auth-anonymous": words(more="{def:sender_host_authenticated}", authenticators=ANONYMOUS),
}

ACCEPT = """  warn
    local_parts = postmaster
    domains = +local_domains
    set acl_c_begun = 1
  warn
    condition = ${{if >{{$recipients_count}}{{0}}}}
    set acl_c_begun = 0
  accept
    condition = ${{if and{{ \\
      {{eq{{$sender_helo_name}}{{{helo}}}}} \\
      {{eq{{$acl_m_mail}}{{MAIL FROM:{mail}}}}} \\
      {{eq{{$smtp_command}}{{RCPT TO:{rcpt}}}}} {more} }}}}
    set acl_c_begun = 0
"""

# Postfix, for who XCLIENT or a PROXY header says that the client is. Which of the two versions a
# header has it does not tell.
XCLIENT = {"smtpd_authorized_xclient_hosts": "0.0.0.0/0"}
HAPROXY = {"smtpd_upstream_proxy_protocol": "haproxy"}
POSTFIX = {
    "xclient-loopback": ({**XCLIENT, "mynetworks": "127.0.0.1/32"}, {}, ["xclient-loopback"]),
    "xclient-server": ({**XCLIENT, "mynetworks": "203.0.113.25/32"}, {}, ["xclient-server"]),
    "xclient-login": ({**XCLIENT, "mynetworks": "", "smtpd_sasl_auth_enable": "yes"}, {},
                      ["xclient-login"]),
    "proxy-v1": ({"mynetworks": "127.0.0.1/32"}, HAPROXY, ["proxy-v1", "proxy-v2"]),
    "proxy-v2": ({"mynetworks": "127.0.0.1/32"}, HAPROXY, ["proxy-v1", "proxy-v2"]),
    "proxy-v1-server": ({"mynetworks": "203.0.113.25/32"}, HAPROXY,
                        ["proxy-v1-server", "proxy-v2-server"]),
    "proxy-v2-server": ({"mynetworks": "203.0.113.25/32"}, HAPROXY,
                        ["proxy-v1-server", "proxy-v2-server"]),
}

# No server of the lab takes these for what they are: each refuses the syntax, or cannot tell them
# from the same without quotes or spaces.
SCRIPTED = {
    "double-at": f"<{CANARY}@example.org>",
    "double-at-literal": f"<{CANARY}@[203.0.113.25]>",
    "double-at-host": f"<{CANARY}@mx.example.org>",
    "trailing-at": f"<{CANARY}@>",
    "spaces": f" < {CANARY} >",
}


def granted(entry):
    return sorted(technique["id"] for technique in entry["techniques"]
                  if technique["outcome"] == "accepted" and technique["control"] != "accepted")


def ask(world):
    result = zoo.ask("", world.outside, zoo.case("", "open"))
    return result, result.endpoints[zoo.FAMILIES[4]]


@pytest.fixture(scope="module")
def world(shared_lab):
    return zoo.World(shared_lab, families=(4,))


@pytest.fixture(scope="module")
def exim(world):
    made = Exim(world.lab, world.mx)
    yield made
    made.stop()


@pytest.mark.parametrize("technique", EXIM)
def test_exim_that_falls_for_it_alone(world, exim, technique):
    wanted = EXIM[technique]
    how = dict(wanted.exim)
    macros = {"MAIN_ALLOW_DOMAIN_LITERALS": "1", **how.pop("macros", {}),
              **(exim.certificate() if how.pop("tls", False) else {"MAIN_TLS_ADVERTISE_HOSTS": ""})}
    exim.set_up(
        macros, ["recipient_unqualified_hosts = *", "sender_unqualified_hosts = *",
                 *([] if "MAIN_TLS_ENABLE" in macros else ["tls_advertise_hosts ="]),
                 *how.pop("main", [])],
        acl_mail="  warn\n    set acl_m_mail = $smtp_command\n",
        acl_first=ACCEPT.format(mail=wanted.mail, rcpt=wanted.rcpt, helo=wanted.helo,
                                more=wanted.more), **how)
    exim.restart()
    result, entry = ask(world)
    assert granted(entry) == [technique], result.account()
    assert entry["verdict"] == "open", result.account()


@pytest.fixture(scope="module")
def postfix():
    with Lab() as lab:
        world = zoo.World(lab, families=(4,))
        sasl = Sasl(lab).user("joe", "secret")
        made = Postfix(lab, world.mx, sasl=sasl, main={
            "smtpd_sasl_auth_enable": "no", "in_flow_delay": "0s", "smtpd_relay_restrictions":
            "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"}).start()
        yield world, made, dict(made.main)


@pytest.mark.parametrize("technique", POSTFIX)
def test_postfix_that_falls_for_it(postfix, technique):
    world, server, plain_main = postfix
    main, options, ids = POSTFIX[technique]
    server.main = {**plain_main, **main}
    server.set(listen=[("25", options)])
    result, entry = ask(world)
    assert granted(entry) == ids, result.account()
    assert technique in ids
    assert entry["verdict"] == "open", result.account()


def scripted(wanted):
    """A server that refuses to relay but for one way of writing the recipient."""

    def handle(connection):
        stream = connection.makefile("rwb", buffering=0)
        stream.write(b"220 mx.example.org ESMTP\r\n")
        for line in stream:
            command = line.decode("ascii", "replace").rstrip("\r\n")
            if command.startswith("EHLO"):
                answer = "250-mx.example.org\r\n250 8BITMIME"
            elif command.startswith("RCPT"):
                answer = ("250 2.1.5 Ok" if command == f"RCPT TO:{wanted}"
                          else "554 5.7.1 Relay access denied")
            else:
                answer = "221 2.0.0 Bye" if command == "QUIT" else "250 2.0.0 Ok"
            stream.write(answer.encode("ascii") + b"\r\n")

    return handle


@pytest.fixture(scope="module")
def elsewhere():
    with Lab() as lab:
        yield zoo.World(lab, families=(4,))


@pytest.mark.parametrize("technique", SCRIPTED)
def test_a_server_that_falls_for_it_alone(elsewhere, technique):
    with Server(elsewhere.mx, 25, scripted(SCRIPTED[technique])) as server:
        result, entry = ask(elsewhere)
    assert server.errors == []
    assert granted(entry) == [technique], result.account()
    assert (entry["verdict"], entry["cause"]) == ("open", "routing-form"), result.account()
    assert outcomes(entry)["plain"] == "relay-denied"


def test_no_technique_is_left_out():
    listed = json.loads(run([program("relaywarden-probe"), "techniques", "--json"]).stdout)
    assert {row["id"] for row in listed["techniques"]} == {*EXIM, *POSTFIX, *SCRIPTED}
