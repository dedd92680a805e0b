"""A Postfix configuration is rehearsed before it is live: the verdict, the guilty lines, and that nothing stays."""

import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from lab.process import wait_until
from lab.programs import program
from lab.sample import is_proved
from real_postfix import asked
from rehearse_cases import CASES, guilty_lines, write
from rehearse_more_cases import CASES as MORE

pytestmark = pytest.mark.skipif(shutil.which("postconf", path="/usr/sbin:/usr/bin") is None,
                                reason="the candidate is run by the machine's own Postfix")

EXIT = {"closed": 0, "conditional": 1, "open": 2, "broken": 3, "unknown": 3}
# Documentation addresses: what the machine has does not matter.
HOST = ["--address", "eth0=192.0.2.25/24", "--address", "eth0=2001:db8:25::25/64"]


def command(folder, *options, host=HOST):
    if "--address" in options:
        host = []
    return [program("relaywarden-probe"), "rehearse", folder, "--as", "/etc/postfix", "--domain", "example.org",
            *host, *options]


def rehearse(folder, *options):
    """The exit code, and what --json says."""
    done = subprocess.run(command(folder, "--json", *options), capture_output=True, text=True, timeout=300, check=False)
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


def guilty(report):
    return sorted({f"{os.path.basename(line['file'])}:{line['line']}" for finding in report["findings"]
                   for line in finding["guilty"]})


def take_out_by_hand(folder, report):
    """Each line that is named, as an operator would: the element where it stands in the line, or all of the line."""
    named = {(line["file"], line["line"], line["text"]) for finding in report["findings"] for line in finding["guilty"]}
    for source, number, text in named:
        path = os.path.join(folder, os.path.basename(source))
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        at = number - 1
        whole = os.path.basename(path) not in ("main.cf", "master.cf") or text not in lines[at]
        lines[at] = "" if whole else lines[at].replace(text, "", 1)
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))


def requests_of(report, certificate):
    """The requests that each finding says were granted, to be asked by hand."""
    for finding in report["findings"]:
        server, _, port = finding["listener"].split(" ")[-1].rpartition(":")
        request = {"server": server.strip("[]"), "port": int(port), "client": finding["client"],
                   "helo": finding["helo"], "sender": finding["sender"], "recipient": finding["recipient"]}
        if finding["technique"].startswith("proxy"):
            kind, address = ("TCP6", "::1") if ":" in request["server"] else ("TCP4", "127.0.0.1")
            request["header"] = f"PROXY {kind} {address} {request['server']} 1024 {port}\r\n"
        elif finding["technique"] == "xclient-loopback":
            request["xclient"] = "ADDR=127.0.0.1"
        elif finding["technique"] == "claimed-client" and port == "25":
            request["xclient"] = "ADDR=10.0.0.1"
        elif finding["technique"] == "claimed-client":
            request["header"] = f"PROXY TCP4 10.0.0.1 {request['server']} 1024 {port}\r\n"
        elif finding["technique"] == "known-certificate":
            request["certificate"] = certificate
        yield request


def make_certificate(folder):
    """The server's, which a client has, too."""
    path = os.path.join(folder, "certificate.of.test")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", path, "-out", path + ".crt", "-subj", "/CN=test", "-days", "2"], check=True,
                   capture_output=True)
    with open(path, "a", encoding="utf-8") as file, open(path + ".crt", encoding="utf-8") as more:
        file.write(more.read())
    with open(os.path.join(folder, "main.cf"), "a", encoding="utf-8") as file:
        file.write("smtpd_tls_chain_files = /etc/postfix/certificate.of.test\n")
    return path


def check_by_hand(folder, case, report):
    """A real Postfix grants what was found, and grants nothing of it without the lines that are named."""
    options = case.options if "--address" in case.options else HOST
    addresses = [value.partition("=")[2] for value in options if "=" in value]
    requests = list(requests_of(report, make_certificate(folder)))
    with open(os.path.join(folder, "master.cf"), encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(folder, "master.cf"), "w", encoding="utf-8") as file:
        file.write(text.replace("smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable=no"))  # there is no Dovecot
    # A name that is claimed has no address that confirms it.
    names = [(finding["client"], finding["client_name"]) for finding in report["findings"]
             if not finding["client_name"].endswith(".client.test") and not finding["client_name"].startswith("claimed.")]
    assert set(asked(folder, addresses, requests, names)) == {250}
    take_out_by_hand(folder, report)
    for table in case.hashed:
        subprocess.run(["postmap", "-c", os.path.join(folder, "..", "bare"), f"hash:{folder}/{table}"], check=True)
    assert 250 not in asked(folder, addresses, requests, names)


def check_case(folder, name, cases):
    case = cases[name]
    candidate = write(folder, name, cases)
    code, report = rehearse(candidate, *case.options)
    assert (report["verdict"], guilty(report)) == (case.verdict, guilty_lines(name, cases)), report
    assert code == report["exit"] == EXIT[case.verdict]
    if report["verdict"] == "open" and is_proved(name):
        check_by_hand(candidate, case, report)


@pytest.mark.parametrize("name", CASES)
def test_verdict_and_guilty_lines_are_those_of_the_configuration_and_taking_them_out_closes_it(name, tmp_path):
    check_case(str(tmp_path), name, CASES)


@pytest.mark.parametrize("name", MORE)
def test_a_shape_of_the_field_has_its_verdict_and_a_line_that_is_named_closes_it_by_hand(name, tmp_path):
    check_case(str(tmp_path), name, MORE)


def test_a_broken_configuration_is_told_in_the_servers_own_words_with_the_line(tmp_path):
    _, report = rehearse(write(str(tmp_path), "no-reject"))
    assert "specify at least one working instance" in report["broken"][0]["why"]
    assert report["broken"][0]["place"] == "/etc/postfix/main.cf:5"


def test_a_misspelt_parameter_is_a_warning_with_its_line(tmp_path):
    _, report = rehearse(write(str(tmp_path), "misspelt"))
    assert any("smtpd_realy_restrictions" in warning["why"] and warning["place"].startswith("/etc/postfix/main.cf:")
               for warning in report["warnings"])


def test_a_server_that_no_stranger_can_reach_is_unknown_and_not_closed(tmp_path):
    code, report = rehearse(write(str(tmp_path), "client-hash"), "--address", "eth0=127.0.0.9/8")
    assert (code, report["verdict"], report["listeners"]) == (3, "unknown", [])
    assert any("--address" in unknown["why"] for unknown in report["unknown"])


def test_a_label_of_an_address_is_no_interface(tmp_path):
    code, report = rehearse(write(str(tmp_path), "debian"), "--address", "eth0=192.0.2.25/24",
                            "--address", "eth0:0=192.0.2.26/24")
    assert (code, report["verdict"]) == (0, "closed")


@pytest.mark.parametrize("arguments, told", [
    (["--address", "eth0=192.0.2.2/24", *["--gateway", "192.0.2.1"] * 17], "--gateway is given 17 times"),
    ([word for i in range(257) for word in ("--address", f"eth0=192.0.2.{i % 256}/24")], "--address is given 257 times"),
], ids=["gateways", "addresses"])
def test_more_of_the_host_than_the_stage_has_room_for_is_an_error(tmp_path, arguments, told):
    """Cut, it would be the rehearsal of another host."""
    done = subprocess.run(command(write(str(tmp_path), "debian"), *arguments, host=()), capture_output=True, text=True,
                          check=False)
    assert done.returncode == 3 and told in done.stderr


def test_a_host_with_more_addresses_than_the_stage_has_room_for_is_told_to_name_them(lab, tmp_path):
    many = lab.host("mx")
    many.run(["sh", "-c", "for i in $(seq 256); do echo addr add 10.0.0.$((i % 256))/$((i < 256 ? 32 : 24)) dev lo; "
                          "done | ip -batch -"])
    done = many.run([program("relaywarden-probe"), "rehearse", "--domain", "example.org", "--canary", "c@example.net",
                     "--mta", "postfix", write(str(tmp_path), "debian")], check=False)
    assert done.returncode == 3 and "name those that matter, each with --address" in done.stderr
    assert "name those" not in many.run([program("relaywarden-probe"), "rehearse", "--domain", "example.org", "--canary",
                                         "c@example.net", "--mta", "postfix", "--no-blame", "--address",
                                         "eth0=192.0.2.2/24", str(tmp_path)], check=False).stderr


def test_more_listeners_than_are_asked_leave_it_unknown(tmp_path):
    """64 of them are asked: the last one might be the open one."""
    folder = write(str(tmp_path), "debian")
    add(folder, "".join(f"{port} inet n - n - - smtpd\n" for port in range(3001, 3068)), "master.cf")
    code, report = rehearse(folder, "--no-blame")
    assert (code, report["verdict"], len(report["listeners"])) == (3, "unknown", 64)
    assert any("were not asked" in unknown["why"] for unknown in report["unknown"])


def test_a_list_file_that_names_itself_is_read_once(tmp_path):
    folder = write(str(tmp_path), "debian")
    with open(os.path.join(folder, "main.cf"), "a", encoding="utf-8") as file:
        file.write("permit_mx_backup_networks = /etc/postfix/nets\n")
    with open(os.path.join(folder, "nets"), "w", encoding="utf-8") as file:
        file.write("10.0.0.0/8\n" + "/etc/postfix/nets\n" * 40)
    began = time.monotonic()
    rehearse(folder)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("program_named", ["./smtpd", "../../../../bin/sh"])
def test_a_candidate_does_not_choose_where_its_programs_are(tmp_path, program_named):
    folder = write(str(tmp_path), "client-hash")
    with open(os.path.join(folder, "master.cf"), "a", encoding="utf-8") as file:
        file.write(f"2525 inet n - n - - {program_named}\n")
    code, report = rehearse(folder)
    assert (code, report["verdict"]) == (3, "broken")
    assert "program with a path" in report["broken"][0]["why"]


def test_programs_in_the_configurations_own_folder_are_not_run(tmp_path):
    folder = write(str(tmp_path), "client-hash")
    with open(os.path.join(folder, "main.cf"), "a", encoding="utf-8") as file:
        file.write("daemon_directory = /etc/postfix\n")
    with open(os.path.join(folder, "master"), "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n")
    os.chmod(file.name, 0o755)
    code, report = rehearse(folder)
    assert (code, report["verdict"]) == (3, "broken")
    assert "daemon_directory" in report["broken"][0]["why"]


def test_a_text_that_is_younger_than_its_map_is_rehearsed_as_it_will_be(tmp_path):
    folder = write(str(tmp_path), "client-hash")
    clients = os.path.join(folder, "clients")
    with open(clients, encoding="utf-8") as file:
        kept = [line for line in file if not line.startswith("198.51.100")]
    with open(clients, "w", encoding="utf-8") as file:
        file.writelines(kept)
    map_made = os.stat(clients + ".db").st_mtime
    os.utime(clients, (map_made + 10, map_made + 10))
    code, report = rehearse(folder)
    assert (code, report["verdict"]) == (0, "closed")
    assert any("younger than its map" in warning["why"] for warning in report["warnings"])


def test_text_names_the_listener_the_line_and_the_proof(tmp_path):
    done = subprocess.run(command(write(str(tmp_path), "client-hash")), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0].startswith("REHEARSAL OPEN - 1 of 2 listeners open | listeners=2 open=1 time=")
    assert lines[1] == "smtp  192.0.2.25:25  OPEN: a stranger (198.51.100.7) may send mail to anybody"
    assert "guilty" in lines[2] and "/etc/postfix/clients:3" in lines[2]
    assert "hash:/etc/postfix/clients" in lines[3]
    assert any("without that line: 554 5.7.1" in line for line in lines)


def test_sarif_has_one_result_a_guilty_line(tmp_path):
    done = subprocess.run(command(write(str(tmp_path), "two-lines"), "--format", "sarif"), capture_output=True,
                          text=True, check=False)
    results = [result for result in json.loads(done.stdout)["runs"][0]["results"] if result["level"] == "error"]
    lines = {result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in results}
    assert {f"main.cf:{line}" for line in lines} == set(guilty_lines("two-lines"))


def test_a_line_that_is_named_closes_it_when_it_is_taken_out_by_hand(tmp_path):
    folder = write(str(tmp_path), "client-cidr")
    with open(os.path.join(folder, "clients"), encoding="utf-8") as file:
        kept = [line for line in file if not line.startswith("198.51.100.0/22")]
    with open(os.path.join(folder, "clients"), "w", encoding="utf-8") as file:
        file.writelines(kept)
    code, report = rehearse(folder)
    assert (code, report["verdict"]) == (0, "closed")


def left_behind(folder):
    """The traces that a rehearsal of this folder could leave: processes on its stage (the folder is among their mounts), folders."""
    found = []
    for path in glob.glob("/proc/[0-9]*/mountinfo"):
        try:
            with open(path, encoding="utf-8") as file:
                if folder in file.read():
                    found.append(path)
        except OSError:
            continue  # it has just ended
    return found + glob.glob("/run/relaywarden-rehearsal*") + glob.glob("/tmp/relaywarden-rehearsal*")


def test_a_rehearsal_that_is_killed_at_any_instant_leaves_nothing(tmp_path):
    folder = write(str(tmp_path), "client-hash")
    chance = random.Random(20)
    for _ in range(int(os.environ.get("RELAYWARDEN_KILLS", "50"))):
        with subprocess.Popen(command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            time.sleep(chance.uniform(0, 1.5))
            running.send_signal(signal.SIGKILL)
            running.wait()
        wait_until(lambda: not left_behind(folder), what="the end of all that was started")


def add(folder, text, file="main.cf"):
    with open(os.path.join(folder, file), "a", encoding="utf-8") as out:
        out.write(text)


def test_a_link_out_of_the_folder_shows_nothing_that_is_not_everybodys_to_read(tmp_path):
    folder = write(str(tmp_path), "debian")
    with tempfile.NamedTemporaryFile("w", dir="/var/tmp") as secret:
        secret.write("0.0.0.0/0\n# of root alone\n")
        secret.flush()
        os.symlink(secret.name, os.path.join(folder, "nets"))
        add(folder, "mynetworks = /etc/postfix/nets\n")
        done = subprocess.run(command(folder, "--json"), capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["verdict"] != "closed"
    assert "0.0.0.0/0" not in done.stdout


def test_a_socket_that_its_server_bound_by_a_relative_name_is_not_reached(tmp_path):
    folder = write(str(tmp_path), "debian")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        os.chmod(place, 0o755)
        bind = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind('policy'); s.listen(); print(flush=True)\n"
                "s.accept(); print('reached', flush=True)")
        with subprocess.Popen([sys.executable, "-c", "import os; os.umask(0)\n" + bind], cwd=place,
                              stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout.readline() == "\n"
            add(folder, "smtpd_relay_restrictions = permit_mynetworks, "
                        f"check_policy_service unix:{place}/policy, reject_unauth_destination\n")
            _, report = rehearse(folder)
            server.kill()
            assert server.stdout.read() == ""
    assert report["verdict"] == "unknown"


def test_a_sleep_is_left_out(tmp_path):
    folder = write(str(tmp_path), "debian")
    add(folder, "smtpd_client_restrictions = sleep 8, permit_mynetworks\n")
    began = time.monotonic()
    code, _ = rehearse(folder)
    assert code == 0
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("check, files", [
    ("check_sender_access inline:{example.org=450 4.7.1 later}", {}),
    ("check_sender_access pcre:/etc/postfix/senders", {"senders": "/(?=.*x)^a/ OK\n"}),
    ("check_sender_access hash:/etc/postfix/senders",
     {"senders": "".join(f"someone@host{i}.test OK\n" for i in range(600))}),
])
def test_a_question_that_was_left_open_leaves_it_unknown(tmp_path, check, files):
    folder = write(str(tmp_path), "debian")
    for name, text in files.items():
        add(folder, text, name)
    # Nobody is let in by the table: that cannot be seen without asking.
    add(folder, "smtpd_relay_restrictions = permit_mynetworks, check_sender_access static:shut, "
                f"{check}, reject_unauth_destination\nsmtpd_restriction_classes = shut\nshut = reject_unauth_destination\n"
        if files else f"smtpd_relay_restrictions = permit_mynetworks, {check}, reject_unauth_destination\n")
    code, report = rehearse(folder)
    assert (code, report["verdict"]) == (3, "unknown"), report
    assert report["unknown"] or any(listener["why"] for listener in report["listeners"])


def test_a_table_below_the_check_of_the_destination_is_not_asked_about(tmp_path):
    folder = write(str(tmp_path), "debian")
    add(folder, "".join(f"someone@host{i}.test OK\n" for i in range(600)), "senders")
    add(folder, "smtpd_recipient_restrictions = reject_unauth_destination, "
                "check_sender_access hash:/etc/postfix/senders\n")
    code, report = rehearse(folder)
    assert (code, report["verdict"]) == (0, "closed"), report


def test_filters_that_are_left_out_are_named(tmp_path):
    folder = write(str(tmp_path), "milter-that-is-away")
    code, report = rehearse(folder, "--mta", "postfix")
    assert code == 0
    assert any(warning["why"].startswith("smtpd_milters = inet:127.0.0.1:1: It is left out")
               for warning in report["warnings"])


def test_a_program_that_the_configuration_names_sees_no_network_and_changes_no_file(tmp_path):
    """It runs on the stage alone: where it can write is gone with it, and what listens here is not there."""
    folder = write(str(tmp_path), "policy-of-its-own")
    mark = "/var/tmp/relaywarden-rehearsal-wrote-this"
    with open(os.path.join(folder, "policy.sh"), "w", encoding="utf-8") as file:
        file.write(f"echo > {mark}\necho > /etc/relaywarden-rehearsal-wrote-this\n"
                   "while read -r line; do [ -z \"$line\" ] && printf 'action=OK\\n\\n'; done\n")
    with open(os.path.join(folder, "master.cf"), encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(folder, "master.cf"), "w", encoding="utf-8") as file:
        file.write(text.replace("user=nobody", "user=daemon"))
    code, _ = rehearse(folder)
    assert code == 2
    assert not os.path.exists(mark)
    assert not os.path.exists("/etc/relaywarden-rehearsal-wrote-this")


def test_the_environment_of_whoever_asks_is_not_the_candidates(tmp_path, monkeypatch):
    folder = write(str(tmp_path), "policy-of-its-own")
    monkeypatch.setenv("SECRET_OF_THE_PIPELINE", "here it is")
    add(folder, "import_environment = MAIL_CONFIG PATH SECRET_OF_THE_PIPELINE\n"
                "export_environment = PATH SECRET_OF_THE_PIPELINE\n")
    with open(os.path.join(folder, "policy.sh"), "w", encoding="utf-8") as file:
        file.write("while read -r line; do [ -z \"$line\" ] && "
                   "printf \"action=${SECRET_OF_THE_PIPELINE:+OK}${SECRET_OF_THE_PIPELINE:-DUNNO}\\n\\n\"; done\n")
    code, report = rehearse(folder, "--no-blame")
    assert (code, report["verdict"]) == (0, "closed"), report


@pytest.mark.parametrize("line", [
    "mynetworks = /etc/shadow", "relay_domains = /etc/shadow",
    "smtpd_relay_restrictions = check_sender_access texthash:/etc/shadow, reject_unauth_destination",
    "smtpd_relay_restrictions = check_sender_access regexp:/etc/shadow, reject_unauth_destination",
    "smtpd_relay_restrictions = check_sender_access pcre:/root/secret, reject_unauth_destination",
])
def test_no_table_shows_what_is_in_shadow(line, tmp_path):
    folder = write(str(tmp_path), "debian")
    add(folder, line + "\n")
    done = subprocess.run(command(folder, "--json"), capture_output=True, text=True, timeout=120, check=False)
    said = json.loads(done.stdout)
    if "relay_domains" not in line:  # of destinations nobody asks but for the canary's
        assert (said["exit"], said["verdict"]) == (3, "unknown"), said
    with open("/etc/shadow", encoding="utf-8") as file:
        words = {word for entry in file for word in entry.split(":")[1:2] if len(word) > 3}
    names = ("root:", "daemon:", "postfix:")
    assert not any(word in done.stdout + done.stderr for word in (*words, *names)), done.stdout
