"""nginx as mail proxy, as it should be and as it should not.

It answers EHLO and MAIL itself, opens the way to the MTA at the first RCPT, and is out of the way
afterwards. The MTA sees nginx's address for every stranger, unless `xclient` tells it better.
"""

from zoo import case

INNER = 2525
TRUSTS = {"mynetworks": "127.0.0.0/8"}  # nginx's own address among them
TRUSTS_NOT = {"mynetworks": "127.0.0.9/32"}
XCLIENT = {"smtpd_authorized_xclient_hosts": "127.0.0.0/8"}
PIPELINING = {"smtp_capabilities": "PIPELINING 8BITMIME"}
OPEN_TO_ALL = {"mynetworks": "0.0.0.0/0 [::]/0"}
SAME, OTHER = None, "mail.example.org"


def row(title, verdict, cause=None, *, main, name=OTHER, xclient="off", **nginx):
    """nginx by this name in front of a Postfix with this main.cf."""
    return case(title, verdict, cause, main=main, name=name, nginx={"xclient": xclient, **nginx})


CORRECT = [
    row("xclient on, and an MTA that believes it", "closed", main={**TRUSTS, **XCLIENT},
        xclient="on"),
    row("xclient on, the MTA's own name", "closed", main={**TRUSTS, **XCLIENT}, xclient="on",
        name=SAME),
    row("xclient off, an MTA that does not trust it", "closed", main=TRUSTS_NOT),
    row("xclient off, likewise, the MTA's own name", "closed", main=TRUSTS_NOT, name=SAME),
    row("xclient off, likewise, and PIPELINING", "closed", main=TRUSTS_NOT, **PIPELINING),
]

OPEN = [
    row("xclient off, an MTA that trusts it", "open", "unconditional", main=TRUSTS),
    row("xclient off, likewise, the MTA's own name", "open", "unconditional", main=TRUSTS,
        name=SAME),
    row("xclient off, likewise, and PIPELINING", "open", "unconditional", main=TRUSTS,
        **PIPELINING),
    row("xclient on, an MTA open to all", "open", "unconditional",
        main={**OPEN_TO_ALL, **XCLIENT}, xclient="on"),
    row("xclient off, senders of the own domain", "open", "sender-trusted",
        main={**TRUSTS_NOT, "smtpd_relay_restrictions": "check_sender_access inline:{ example.org=OK }, "
                                                     "reject_unauth_destination"}),
]


def become(nginx, postfix, case_row):
    """Makes both what the case says."""
    how = dict(case_row.how)
    postfix.set({"smtpd_relay_restrictions": None, "smtpd_authorized_xclient_hosts": None,
                 **how["main"]})
    nginx.set_up(("127.0.0.1", INNER), name=how["name"], settings=how["nginx"])
    nginx.restart()
