"""Haraka as npm brings it, as it should be and as it should not."""

from lab.haraka import SHIPPED
from zoo import case, submission

RECIPIENTS = ["rcpt_to.in_host_list"]
# Haraka takes every address that ends in the own domain, and decides later who gets it.
ANY_MAILBOX = ("suspected", "routing-form")


def become(haraka, row):
    """Makes the server what the case says."""
    haraka.set_up(**row.how)
    haraka.restart()


def relay(**files):
    """The plugin that lets clients relay, in front of those that judge recipients."""
    return {"plugins": ["relay", *RECIPIENTS], "files": files}


EVERYBODY = {"relay.ini": "[relay]\nacl=false\nforce_routing=false\nall=true\n"}
TRUSTED = "[relay]\nacl=true\nforce_routing=false\n"

CORRECT = [
    case("as it is shipped", *ANY_MAILBOX),
    case("rcpt_to.in_host_list alone", *ANY_MAILBOX, plugins=RECIPIENTS),
    case("trusted clients, none of them outside", *ANY_MAILBOX,
         **relay(**{"relay.ini": TRUSTED, "relay_acl_allow": "192.0.2.0/24\n"})),
    case("no plugin at all", "closed", plugins=[]),
    # 450 at MAIL for a sender at an address literal, of which its resolver knows nothing
    case("resolvable senders, and no recipients", "closed",
         plugins=["mail_from.is_resolvable"]),
    case("submission, which asks for a log-in", "closed", target=submission(), listen=(587,)),
]

OPEN = [
    case("relay.all", "open", "unconditional", **relay(**EVERYBODY)),
    case("relay.all, with resolvable senders", "open", "unconditional",
         plugins=["mail_from.is_resolvable", "relay", *RECIPIENTS], files=EVERYBODY),
    case("all of IPv4 trusted", "open", "unconditional", only=4, plugins=["relay"],
         files={"relay.ini": TRUSTED, "relay_acl_allow": "0.0.0.0/0\n"}),
    case("a list of own domains that is too wide", "open", "unconditional", plugins=RECIPIENTS,
         files={"host_list_regex": ".*\n"}),
    case("an own domain without its anchors", "open", "destination-too-wide", plugins=RECIPIENTS,
         files={"host_list_regex": ".*\\.example\\.net\n"}),
]
