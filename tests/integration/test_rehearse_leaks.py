"""Nothing leaves a rehearsal: the host's traffic is counted, and its Postfix answers as before, with the same queue and files."""

import os
import shutil

import pytest

import real_postfix
import rehearse_cases
from lab.programs import program

pytestmark = pytest.mark.skipif(shutil.which("postconf", path="/usr/sbin:/usr/bin") is None,
                                reason="the candidate is run by the machine's own Postfix")

ADDRESSES = ["192.0.2.25/24", "2001:db8:25::25/64"]
# A server with each of these would ask somebody: a block list, names, a policy service, a filter, a host that it relays to.
TEMPTING = """
smtpd_client_restrictions = reject_rbl_client list.example.net, reject_unknown_client_hostname
smtpd_helo_restrictions = reject_unknown_helo_hostname
smtpd_sender_restrictions = reject_unknown_sender_domain
smtpd_relay_restrictions = check_policy_service inet:127.0.0.1:10023, reject_unauth_destination
smtpd_milters = inet:198.51.100.53:8891 unix:/var/spool/postfix/public/cleanup
content_filter = smtp:198.51.100.53:10025
relayhost = [198.51.100.53]
smtpd_sasl_path = inet:198.51.100.53:12345
"""
# A program of the candidate's own, which tries hard.
RESTLESS = """
#!/bin/sh
for at in 198.51.100.53 192.0.2.25 127.0.0.1 2001:db8:25::25; do
    timeout 1 python3 -c "import socket, sys; socket.create_connection((sys.argv[1], 25), 1)" "$at"
    timeout 1 python3 -c "import socket, sys; socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET,
        socket.SOCK_DGRAM).sendto(b'x', (sys.argv[1], 53))" "$at"
done
echo > /etc/postfix/wrote-this; echo > /var/spool/postfix/wrote-this
while read -r line; do [ -z "$line" ] && printf 'action=DUNNO\\n\\n'; done
""".lstrip()


def candidates(folder):
    """An open one, a closed one, one that would ask others, and one with a program of its own."""
    made = [rehearse_cases.write(os.path.join(folder, name), name) for name in ("client-hash", "debian", "policy-of-its-own")]
    tempting = rehearse_cases.write(os.path.join(folder, "tempting"), "debian")
    with open(os.path.join(tempting, "main.cf"), "a", encoding="utf-8") as file:
        file.write(TEMPTING)
    with open(os.path.join(made[2], "policy.sh"), "w", encoding="utf-8") as file:
        file.write(RESTLESS)
    return [*made, tempting]


def test_the_host_of_rehearsals_sends_nothing_and_its_postfix_is_as_before(tmp_path):
    """A hundred of them; in `make check` some."""
    count = int(os.environ.get("RELAYWARDEN_REHEARSALS", "100"))
    live = rehearse_cases.write(str(tmp_path / "live"), "debian")
    folders = candidates(str(tmp_path))
    commands = [[program("relaywarden-probe"), "rehearse", folders[i % len(folders)], "--as", "/etc/postfix", "--domain",
                 "example.org", "--no-blame"] for i in range(count)]
    request = {"server": "192.0.2.25", "port": 25, "client": "192.0.2.77", "helo": "client.test",
               "sender": "someone@outside.example.net"}
    requests = [{**request, "recipient": "postmaster@example.org"}, {**request, "recipient": "canary@outside.example.net"}]
    told = real_postfix.beside(live, ADDRESSES, requests, commands)
    before, after = told["before"], told["after"]
    assert told["codes"][:4] == [2, 0, 0, 1] and set(told["codes"]) == {0, 1, 2}, told["codes"]
    assert after["traffic"] == before["traffic"]
    assert before["answers"] == after["answers"] == [250, 554]
    assert after["master"] == before["master"]
    assert after["files"] == before["files"]
    assert any("/var/spool/postfix/deferred/" in path for path in after["files"])


def test_what_leaves_would_be_counted(tmp_path):
    live = rehearse_cases.write(str(tmp_path), "debian")
    request = {"server": "192.0.2.25", "port": 25, "client": "192.0.2.77", "helo": "client.test",
               "sender": "someone@outside.example.net", "recipient": "postmaster@example.org"}
    for words in (["sh", "-c", "timeout 1 bash -c 'echo > /dev/tcp/198.51.100.53/25'"],
                  ["sh", "-c", "timeout 1 bash -c 'echo > /dev/udp/127.0.0.1/53'"]):
        told = real_postfix.beside(live, ADDRESSES, [request], [words])
        for part in ("counts", "rules", "interfaces"):
            assert told["after"]["traffic"][part] != told["before"]["traffic"][part], (words, part)
