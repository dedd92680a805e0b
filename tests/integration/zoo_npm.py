"""Servers as people write them with npm's smtp-server, as it should be and as it should not."""

from zoo import case, submission


def become(server, row):
    """Makes the server what the case says."""
    server.set_up(**row.how)
    server.restart()


NOT_OURS = (550, "Domain not served by this MX cluster")

PEOPLE = ["postmaster", "joe"]

CORRECT = [
    case("own recipients alone", "closed", recipients=NOT_OURS, mailboxes=PEOPLE),
    case("own recipients alone, in other words", "closed", mailboxes=PEOPLE,
         recipients=(550, "User not local; not accepting mail for them")),
    # A form that ends in the own domain is a mailbox of it, or will be forwarded: it does not say.
    case("any recipient of the own domain", "suspected", "routing-form", recipients=NOT_OURS),
    case("a log-in for everybody", "closed", auth=True),
    case("submission, a log-in for everybody", "closed", auth=True, listen=(587,),
         target=submission()),
]

OPEN = [
    case("everything is taken, as development catchers do", "open", "unconditional"),
    case("own senders alone, and then any recipient", "open", "sender-trusted",
         senders=(550, "sender domain is not ours")),
    case("own senders alone, and no words on why", "open", "sender-trusted",
         senders=(550, "Not allowed")),
]
