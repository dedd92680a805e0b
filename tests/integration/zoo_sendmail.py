"""Sendmail, as it should be and as it should not."""

from lab import Sasl, Sendmail
from zoo import case, submission

# Mailboxes of the machine's users alone.
KNOWN = ["MODIFY_MAILER_FLAGS(`LOCAL', `+w')"]


def make(world, row):
    """A server that is what the case says."""
    how = dict(row.how)
    mechanisms = how.pop("mechanisms", None)
    if mechanisms:
        sasl = Sasl(world.lab, mechanisms=mechanisms, name=mechanisms.replace(" ", "-"))
        how["sasl"] = sasl.user("joe", "secret")
    return Sendmail(world.lab, world.mx, **how).start()


CORRECT = [
    case("the stock rules, any mailbox taken", "closed"),
    case("the stock rules, unknown mailboxes refused", "closed", macros=KNOWN),
    case("an access map that lets nobody relay", "closed", access={"example.com": "REJECT"}),
    case("a backup for a second host", "closed", local=["localhost"], relay=["example.org"]),
    # Names below the own one are the site's to give.
    case("an access map that relays to whatever is below the own domain", "closed",
         access={"To:example.org": "RELAY"}),
    case("the same, for a second host", "closed", local=["localhost"],
         access={"To:example.org": "RELAY"}),
    case("relay_entire_domain", "closed", features=["relay_entire_domain"]),
    # Only whose domain names us as MX gets in by it: the canary's does not.
    case("relay_based_on_MX, and the canary's MX is another", "closed",
         features=["relay_based_on_MX"]),
    # Nobody can see from outside what is let in for a domain that the canary is not of.
    case("mail to any domain of .org relayed, and the canary is of .net", "closed",
         access={"To:org": "RELAY"}),
    case("submission: only after authentication", "closed", mechanisms="PLAIN LOGIN",
         target=submission(), listen=["25", ("587", "Ea")]),
    case("a blocklist in front of the relay check", "inconclusive", only=4,
         features=["dnsbl', `dnsbl.example.net"]),
    case("a blocklist behind the relay check", "closed",
         features=["delay_checks", "dnsbl', `dnsbl.example.net"]),
]

OPEN = [
    case("promiscuous_relay", "open", "unconditional", features=["promiscuous_relay"]),
    case("a provider's network may relay", "open", "unconditional", only=4,
         access={"Connect:198.51": "RELAY"}),
    case("a network of IPv6 may relay", "open", "unconditional", only=6,
         access={"Connect:IPv6:2001:db8": "RELAY"}),
    case("hosts of a domain may relay", "open", "unconditional",
         access={"Connect:probe.example.net": "RELAY"}),
    case("relay_local_from", "open", "sender-trusted", features=["relay_local_from"]),
    case("relay_mail_from for the own domain", "open", "sender-trusted",
         features=["relay_mail_from', `domain"], access={"From:example.org": "RELAY"}),
    case("relay_mail_from for one outside sender", "open", "sender-trusted",
         features=["relay_mail_from"], access={"From:canary@outside.example.net": "RELAY"}),
    case("mail to others' domains relayed", "open", "destination-too-wide",
         access={"To:example.net": "RELAY"}),
    case("relay-domains of a whole top-level domain", "open", "unconditional", relay=["net"]),
    case("relay-domains with another's domain, of which the canary's is a part", "open",
         "unconditional", relay=["example.net"]),
    # The site's own made-up subdomain is of .org, too, so nothing tells this from a trusted client.
    case("mail to any domain of .org relayed", "open", "unconditional",
         probe_options={"canary": "canary@notexample.org"}, access={"To:org": "RELAY"},
         features=["accept_unresolvable_domains"]),
    # The second host's treatment of such addresses is not to be seen from here.
    case("loose_relay_check, for a second host", "suspected", "routing-form",
         features=["loose_relay_check"], local=["localhost"], relay=["example.org"]),
    case("a local rule that lets percent signs through", "open", "routing-form", macros=KNOWN,
         rules=["LOCAL_RULESETS", "SLocal_check_rcpt", "R$* % $* @ $*\t$#OK"]),
    case("a local rule that trusts a greeting", "open", "helo-trusted",
         rules=["LOCAL_RULESETS", "SLocal_check_rcpt", "R$*\t\t$: $&s",
                "Rexample.org\t$#OK", "R$*\t\t$@ ok"]),
    case("submission that takes AUTH ANONYMOUS for a login", "open", "anonymous-auth",
         mechanisms="PLAIN ANONYMOUS", target=submission(), listen=["25", ("587", "Ea")]),
]
