"""OpenSMTPD, as it should be and as it should not.

Debian 12's offers STARTTLS and fails at the handshake (see lab/opensmtpd.py), so its cases with TLS
show how the probe takes that.
"""

import os

from zoo import case, submission

OWN = 'match from any for domain "example.org" action "local"'
RELAY = 'match from {} for any action "relay"'
CATCH_ALL = {"settings": ['table catchall { "@example.org" = nobody }'],
             "actions": ['action "catchall" maildir virtual <catchall>'],
             "rules": ['match from any for domain "example.org" action "catchall"']}
BLOCKED = ["table blocked { 198.51.100.7, 2001:db8:51::7 }",
           'filter "blocklist" phase connect match src <blocked> disconnect '
           '"554 5.7.1 Your address is listed by dnsbl.example.net"']


def rules(*first):
    return {"rules": [*first, OWN]}


GREYLIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "greylist_filter.py")


def become(opensmtpd, row):
    """Makes the server what the case says."""
    how = dict(row.how)
    settings = list(how.pop("settings", []))
    if how.pop("tls", False):
        settings = opensmtpd.certificate() + settings
    delay = how.pop("greylist", None)
    if delay:
        program = opensmtpd.lab.publish(GREYLIST)
        settings.append(f'filter "greylist" proc-exec "{program} {delay}"')
        how["listen"] = ['eth0 port 25 filter "greylist"']
    opensmtpd.set_up(settings=settings, **how)
    opensmtpd.restart()


CORRECT = [
    case("one domain, as Debian's comments have it", "closed"),
    case("known recipients alone", "closed",
         settings=['table known { "postmaster@example.org", "joe@example.org" }'],
         rules=['match from any for rcpt-to <known> action "local"']),
    case("TLS on offer, but broken", "closed", tls=True, listen=["eth0 port 25 tls pki lab"]),
    case("TLS demanded, but broken", "inconclusive", tls=True,
         listen=["eth0 port 25 tls-require pki lab"]),
    case("submission after authentication, TLS on offer", "closed", tls=True,
         settings=["table people { joe = secret }"], target=submission(),
         listen=["eth0 port 25", "eth0 port 587 tls pki lab auth-optional <people>"],
         rules=[OWN, 'match from any auth for any action "relay"']),
    # That host's treatment of such addresses is not to be seen from here.
    case("a backup for a second host", "suspected", "routing-form", rules=[
        'match from any for domain "example.org" action "backup"'],
         actions=['action "backup" relay']),
    case("a filter that greylists", "inconclusive", greylist=300),
    case("a blocklist when it connects", "inconclusive", settings=BLOCKED,
         listen=['eth0 port 25 filter "blocklist"'], findings=["service-refused"]),
    case("a catch-all domain", "suspected", "routing-form", **CATCH_ALL),
]

OPEN = [
    case("from any for any", "open", "unconditional", **rules(RELAY.format("any"))),
    case("from a provider's network", "open", "unconditional", only=4,
         **rules(RELAY.format("src 198.51.0.0/16"))),
    case("from all of IPv6", "open", "unconditional", only=6,
         **rules(RELAY.format('src "2000::/3"'))),
    case("from senders of the own domain", "open", "sender-trusted",
         **rules(RELAY.format('any mail-from "@example.org"'))),
    case("from one outside sender", "open", "sender-trusted",
         **rules(RELAY.format('any mail-from "canary@outside.example.net"'))),
    case("from who greets with the own domain", "open", "helo-trusted",
         **rules(RELAY.format('any helo "example.org"'))),
    case("from who greets as localhost", "open", "helo-trusted",
         **rules(RELAY.format('any helo "localhost"'))),
    case("for all subdomains of a provider's", "open", "destination-too-wide",
         **rules('match from any for domain "*.example.net" action "relay"')),
    case("submission that asks for no login", "open", "unconditional", target=submission(),
         listen=["eth0 port 25", "eth0 port 587 tag submission"],
         **rules('match tag submission from any for any action "relay"')),
]
