"""Many clients that are granted relaying at once: a few connections that claim one address after the other by XCLIENT."""

import ipaddress
import threading

from .process import LabError

# Postfix takes a hundred commands that deliver nothing on a connection, then slows down.
CLIENTS_A_CONNECTION = 20


def addresses(count):
    """So many addresses, 20 in each network that an alert names."""
    for number in range(count):
        network, host = divmod(number, 20)
        yield str(ipaddress.ip_address("10.0.0.0") + (network << 8) + host + 1)


def storm(host, target, clients, recipients, *, port=25, sessions=8):
    """From each of `clients` addresses one transaction with `recipients` recipients, which is given up.

    All must be accepted. The target's smtpd lets `host` use XCLIENT.
    """
    claimed = list(addresses(clients))
    failures = []

    def one_session(mine):
        try:
            for first in range(0, len(mine), CLIENTS_A_CONNECTION):
                with host.session(target, port, timeout=60) as session:
                    session.hello()
                    for address in mine[first:first + CLIENTS_A_CONNECTION]:
                        _one_client(session, address, recipients)
        except (LabError, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=one_session, args=(claimed[start::sessions],))
               for start in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _one_client(session, address, recipients):
    reply = session.command(f"XCLIENT ADDR={address} NAME=[UNAVAILABLE]")
    if reply.code != 220:
        raise LabError(f"XCLIENT ADDR={address}: {reply}")
    session.send("EHLO client.example.net\r\n")
    session.reply()
    session.send("MAIL FROM:<a@sender.example.net>\r\n" + "".join(
        f"RCPT TO:<b{number}@outside.example.net>\r\n" for number in range(recipients)) + "RSET\r\n")
    codes = {session.reply().code for _ in range(recipients + 2)}
    if codes != {250}:
        raise LabError(f"client {address}: replies {codes}")


# in_flow_delay would make each transaction wait for messages that were never sent to be delivered.
POSTFIX = {
    "in_flow_delay": "0",
    "mynetworks": "0.0.0.0/0 [::]/0",
    "smtpd_authorized_xclient_hosts": "198.51.100.7, 10.0.0.0/8",
}
