"""Postfix, as it should be and as it should not."""

import zoo
from lab import Dns, Postfix, Postgrey, Sasl
from site_of_tests import CLOSED, DEFERRED
from zoo import case, submission

# A listener that only people with a password are meant to use.
LOGIN = {"smtpd_sasl_auth_enable": "yes", "smtpd_tls_security_level": "encrypt",
         "smtpd_relay_restrictions": "permit_sasl_authenticated, reject"}
WRAPPED = {**LOGIN, "smtpd_tls_wrappermode": "yes"}
TLS = {"smtpd_tls_security_level": "may"}
POSTGREY = "check_policy_service inet:127.0.0.1:10023"
POSTGREY_AT_ONCE = "check_policy_service inet:127.0.0.1:10024"
POSTGREY_SHORT = "check_policy_service inet:127.0.0.1:10026"
LISTED = "reject_rbl_client dnsbl.example.net"
# Only those mailboxes are known that nobody guesses.
USERS = {"local_recipient_maps": "inline:{ postmaster=x, joe=x }"}
# Settings that unwrap addresses are off, and odd mailboxes are not refused for being odd.
ODD = {"allow_percent_hack": "no", "swap_bangpath": "no", "resolve_dequoted_address": "no",
       "allow_untrusted_routing": "yes"}
# Nobody has a mailbox but these, and those that SRS and BATV make.
SRS_USERS = {"local_recipient_maps":
             "inline:{ postmaster=x, joe=x }, regexp:{ {/^(SRS[01]|prvs=)/ x} }"}
WORLD = {"mynetworks": "0.0.0.0/0 [::]/0"}
OWN_ALONE = "check_sender_access inline:{ example.org=OK }, reject"
TWO = {"domains": ["example.org", "shop.example"]}
VERIFY = {"address_verify_poll_delay": "1s"}


def unwrap(pattern, result):
    """An alias map that takes a routing form for what it says; two dollars are one to Postfix."""
    return {**USERS, **ODD,
            "virtual_alias_maps": "regexp:{ {" + pattern.replace("$", "$$") + f" {result}" + "} }"}


def canonical(pattern, result, **main):
    """A canonical map that takes a local part for what it says, where users are known."""
    return {**SRS_USERS, **main, "recipient_canonical_maps":
            "regexp:{ {" + pattern.replace("$", "$$") + f" {result}" + "} }"}


def relay(*first, rest=CLOSED, **main):
    """main.cf with these restrictions in front of the closed ones."""
    return {"smtpd_relay_restrictions": ", ".join([*first, rest]), **main}


def listener(port, **options):
    return {"listen": ["25", (str(port), options)], "target": submission(port)}


# postgrey's port, its answer, and the seconds that it puts off.
GREYLISTS = ((10023, "DEFER_IF_PERMIT", 300), (10024, "DEFER", 300), (10026, "DEFER", 2))


class Cage:
    """A Postfix that becomes each case in turn. main: settings that all cases have."""

    def __init__(self, lab, host, main=None):
        self.lab = lab
        self.outside = lab.host("outside")
        self.host = lab.host(host)
        Dns(lab, records=zoo.LISTED).start()
        sasl = Sasl(lab).user("joe", "secret")
        certificate, key = lab.certificate()
        self.postfix = Postfix(lab, self.host, sasl=sasl, main={
            "smtpd_relay_restrictions": CLOSED, "smtpd_sasl_auth_enable": "no",
            "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key,
            # Abandoned transactions, of which there are thousands here, slow later ones down.
            "in_flow_delay": "0s", **(main or {})})
        self.plain_main = dict(self.postfix.main)
        self.postfix.start()
        for port, action, delay in GREYLISTS:
            Postgrey(lab, self.host, delay=delay, action=action, port=port).start()

    def become(self, main=None, master=(), listen=("25",)):
        self.postfix.main = {**self.plain_main, **(main or {})}
        self.postfix.set(master=list(master), listen=list(listen))

    def ask(self, row):
        result = zoo.ask("Postfix", self.outside, row)
        zoo.remember(result)
        zoo.verify(result)


CORRECT = [
    case("SRS addresses taken, and unwrapped by nobody", "suspected", "routing-form",
         main=relay(**SRS_USERS)),
    case("a pattern of the own domain with both ends", "closed", site=TWO, main=relay(
        r"check_recipient_access regexp:{ {/^[^@]+@example\.org$$/ OK} }", **USERS)),
    case("Debian's default", "closed", main={"smtpd_relay_restrictions": DEFERRED}),
    case("reject_unauth_destination", "closed", main=relay()),
    case("an earlier release's recipient restrictions alone", "closed",
         main={"smtpd_relay_restrictions": "", "smtpd_recipient_restrictions": CLOSED}),
    case("unknown mailboxes refused", "closed", main=relay(**USERS)),
    case("strict about senders, names and syntax", "closed", main=relay(
        **USERS, smtpd_helo_required="yes", strict_rfc821_envelopes="yes",
        smtpd_helo_restrictions="reject_non_fqdn_helo_hostname",
        smtpd_sender_restrictions="reject_non_fqdn_sender, reject_unknown_sender_domain",
        smtpd_recipient_restrictions="reject_non_fqdn_recipient, reject_unknown_recipient_domain")),
    case("submission: only after authentication, inside TLS", "closed", **listener(587, **LOGIN)),
    case("submission: only after authentication, TLS at once", "closed", **listener(465, **WRAPPED)),
    case("submission: strangers refused as clients", "inconclusive", **listener(
        587, smtpd_tls_security_level="encrypt", smtpd_sasl_auth_enable="yes",
        smtpd_client_restrictions="permit_sasl_authenticated, reject")),
    case("TLS demanded on port 25", "closed", main=relay(smtpd_tls_security_level="encrypt")),
    case("greylisting behind the relay check (postgrey)", "closed",
         main=relay(smtpd_recipient_restrictions=POSTGREY)),
    case("greylisting in front of it (postgrey), if all else permits", "closed",
         main=relay(smtpd_sender_restrictions=POSTGREY)),
    case("greylisting in front of it (postgrey), at once", "inconclusive",
         main=relay(smtpd_sender_restrictions=POSTGREY_AT_ONCE)),
    case("greylisting in front of it (postgrey), waited for", "closed", arguments=["--wait", "60s"],
         main=relay(smtpd_sender_restrictions=POSTGREY_SHORT)),
    case("a blocklist in front of the relay check", "inconclusive",
         main=relay(smtpd_client_restrictions=LISTED)),
    case("a blocklist behind the relay check", "closed",
         main=relay(smtpd_recipient_restrictions=LISTED)),
    case("recipients verified", "closed",
         main=relay(smtpd_recipient_restrictions="reject_unverified_recipient", **VERIFY)),
    case("senders verified", "closed",
         main=relay(smtpd_recipient_restrictions="reject_unverified_sender", **VERIFY)),
    case("a catch-all domain", "closed", main=relay(
        virtual_alias_maps="inline:{ @example.org=joe@example.org }")),
    case("a catch-all domain that takes odd names as they are", "suspected", "routing-form",
         main=relay(**ODD)),
    case("an alias domain that forwards outside", "closed", main=relay(
        virtual_alias_domains="example.org", mydestination="localhost",
        virtual_alias_maps="inline:{ @example.org=joe@outside.example.net }")),
    case("a backup for a second host", "closed",
         main=relay(mydestination="localhost", relay_domains="example.org")),
    case("postscreen's deep protocol tests", "inconclusive",
         main=relay(postscreen_pipelining_enable="yes", postscreen_pipelining_action="enforce",
                    postscreen_greet_wait="1s"),
         listen=[], master=["25 inet n - n - 1 postscreen", "smtpd pass - - n - - smtpd",
                            "dnsblog unix - - n - 0 dnsblog", "tlsproxy unix - - n - 0 tlsproxy"]),
    case("AUTH ANONYMOUS on offer, but of no use", "closed", **listener(
        587, smtpd_sasl_auth_enable="yes", smtpd_sasl_security_options="",
        smtpd_tls_security_level="may"), findings=["anonymous-auth"]),
    case("XCLIENT for strangers who gain nothing by it", "closed", findings=["xclient-exposed"],
         main={**relay(smtpd_authorized_xclient_hosts="0.0.0.0/0 [::]/0"), "mynetworks": "",
               "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination"}),
    case("PROXY headers from strangers who gain nothing by it", "inconclusive",
         findings=["proxy-protocol-exposed"],
         main={**relay(), "mynetworks": "", "smtpd_relay_restrictions":
               "permit_sasl_authenticated, reject_unauth_destination"},
         listen=["25", ("2525", {"smtpd_upstream_proxy_protocol": "haproxy"})],
         target=submission(2525)),
    case("a class of trusted clients that is not ours", "closed", main=relay(
        "check_client_access cidr:{ {192.0.2.0/24 OK} }")),
    case("a name of one word", "closed", findings=["generic-hostname"], main=relay(
        myhostname="mail", mydestination="example.org, localhost")),
    # A route lets nobody in: only who may relay is sent on by it.
    case("transport_maps with others' domains, which no list of domains names", "closed",
         main=relay(transport_maps="inline:{ example.net=smtp:[203.0.113.99] }")),
    case("relay_domains taken from transport_maps, which route any domain by the word *", "closed",
         main=relay(transport_maps="inline:{ *=smtp:[203.0.113.99] }",
                    relay_domains="$transport_maps")),
    case("a pcre: pattern of the own domain with both ends", "closed", main=relay(
        r"check_recipient_access pcre:{ {/^[^@]+@example\.org$$/ OK} }", **USERS)),
]

OPEN = [
    case("mynetworks of the whole world", "open", "unconditional", main=relay(
        mynetworks="0.0.0.0/0 [::]/0")),
    case("mynetworks of a provider", "open", "unconditional", only=4, main=relay(
        mynetworks="127.0.0.0/8 198.51.0.0/16")),
    case("mynetworks of all IPv6", "open", "unconditional", only=6, main=relay(
        mynetworks="127.0.0.0/8 [::]/0")),
    case("check_client_access OK, by network", "open", "unconditional", main=relay(
        "check_client_access cidr:{ {198.51.100.0/24 OK}, {2001:db8:51::/48 OK} }")),
    case("check_client_access OK, by name", "open", "unconditional", main=relay(
        "check_client_access inline:{ example.net=OK }")),
    case("check_helo_access OK for the own domain", "open", "helo-trusted", main=relay(
        "check_helo_access inline:{ example.org=OK }")),
    case("check_helo_access OK for localhost", "open", "helo-trusted", main=relay(
        "check_helo_access inline:{ localhost=OK }")),
    case("check_helo_access OK for the stranger's name", "open", "helo-trusted", main=relay(
        "check_helo_access inline:{ probe.example.net=OK }")),
    case("check_sender_access OK for the own domain", "open", "sender-trusted", main=relay(
        "check_sender_access inline:{ example.org=OK }")),
    case("check_sender_access OK for one own mailbox", "open", "sender-trusted", main=relay(
        "check_sender_access inline:{ postmaster@example.org=OK }")),
    case("check_sender_access OK for the null sender", "open", "sender-trusted", main=relay(
        "check_sender_access inline:{ <>=OK }")),
    case("check_sender_access OK for the stranger", "open", "sender-trusted", main=relay(
        "check_sender_access inline:{ outside.example.net=OK }")),
    case("relay_domains that match everything", "open", "destination-too-wide", main=relay(
        relay_domains="static:all")),
    case("relay_domains that match subdomains of others", "open", "destination-too-wide",
         main=relay(relay_domains="example.org, example.net")),
    case("relay_domains as a pattern without an end", "open", "destination-too-wide",
         main=relay(relay_domains="regexp:{ {/outside/ x} }")),
    case("check_recipient_access OK for anything", "open", "destination-too-wide", main=relay(
        "check_recipient_access regexp:{ {/@/ OK} }")),
    case("check_recipient_access OK for address literals", "open", "destination-too-wide",
         main=relay(r"check_recipient_access regexp:{ {/@\[.*\]$$/ OK} }", **USERS)),
    case("the relay check emptied, recipients permitted first", "open", "unconditional", main={
        "smtpd_relay_restrictions": "", "smtpd_recipient_restrictions":
        "check_client_access static:OK, reject_unauth_destination"}),
    case("a listener for re-injection open to the public", "open", "unconditional", **listener(
        10025, mynetworks="0.0.0.0/0 [::]/0", smtpd_client_restrictions="",
        smtpd_relay_restrictions="permit_mynetworks, reject", smtpd_recipient_restrictions="")),
    case("submission with overrides that ask for no login", "open", "unconditional", **listener(
        587, smtpd_sasl_auth_enable="yes", smtpd_tls_security_level="may",
        smtpd_relay_restrictions="check_client_access static:OK, reject")),
    case("TLS at once, behind it a wide mynetworks", "open", "unconditional", **listener(
        465, smtpd_tls_wrappermode="yes", mynetworks="0.0.0.0/0 [::]/0")),
    case("open inside TLS alone", "open", "unconditional", main=relay(
        **TLS, mynetworks="0.0.0.0/0 [::]/0",
        smtpd_sender_restrictions="reject_plaintext_session")),
    case("an alias map that unwraps percent signs", "open", "routing-form", main=relay(
        **unwrap(r"/^(.+)%(.+)@example\.org$/", "$$1@$$2"))),
    case("an alias map that unwraps bang paths", "open", "routing-form", main=relay(
        **unwrap(r"/^(.+)!(.+)@example\.org$/", "$$2@$$1"))),
    case("an alias map that unwraps quoted addresses", "open", "routing-form", main=relay(
        **unwrap(r"/^\"?(.+)@(.+)\"?@example\.org$/", "$$1@$$2"))),
    case("an alias map that unwraps SRS0 without a look at the hash", "suspected", "routing-form",
         main=relay(**unwrap(r"/^SRS0[=+-][^=]+=[^=]+=([^=]+)=([^@]+)@example\.org$/", "$$2@$$1"))),
    case("an alias map that unwraps equals signs", "suspected", "routing-form",
         main=relay(**unwrap(r"/^([^=]+)=([^@]+)@example\.org$/", "$$1@$$2"))),
    *[case(f"a canonical map that unwraps {name} without a look at the hash", "suspected",
           "routing-form", main=relay(**canonical(pattern + r"@example\.org$/", result)))
      for name, pattern, result in (
          ("SRS0", "/^SRS0[=+-][^=]+=[^=]+=([^=]+)=([^@]+)", "$$2@$$1"),
          ("SRS0+", r"/^SRS0\+[^=]+=[^=]+=([^=]+)=([^@]+)", "$$2@$$1"),
          ("SRS0-", "/^SRS0-[^=]+=[^=]+=([^=]+)=([^@]+)", "$$2@$$1"),
          ("SRS1", "/^SRS1[=+-][^=]+=([^=]+)=([=+-][^@]+)", "SRS0$$2@$$1"),
          ("BATV", "/^prvs=[^=]+=([^=]+)=([^@]+)", "$$1@$$2"))],
    *[case(f"check_recipient_access OK for {name}", "open", "destination-too-wide",
           main=relay("check_recipient_access regexp:{ {/" + pattern + "/ OK} }"))
      for name, pattern in (
          ("whatever has the own domain in it", r"example\.org"),
          ("a domain that begins with the own one", r"^.*@example\.org"),
          ("the same, with a dot that is any character", r"@example.org"),
          ("the own domain at the end of the local part", r"example\.org@"))],
    case("check_recipient_access OK for a pcre: pattern without ends", "open",
         "destination-too-wide", main=relay(
             r"check_recipient_access pcre:{ {/(?i)\bexample\.org\b/ OK} }")),
    case("relay_domains as a pcre: pattern of the own domain without ends", "open",
         "destination-too-wide", main=relay(relay_domains=r"pcre:{ {/example\.org/ x} }")),
    case("check_sender_access OK for a pcre: pattern without ends", "open", "sender-trusted",
         main=relay(r"check_sender_access pcre:{ {/@example\.org$$/ DUNNO}, {/@example\.org/ OK} }")),
    case("relay_domains taken from transport_maps, which route others' domains", "open",
         "destination-too-wide", main=relay(
             transport_maps="inline:{ example.net=smtp:[203.0.113.99] }",
             relay_domains="$transport_maps")),
    case("relay_domains taken from transport_maps with a pattern without ends", "open",
         "destination-too-wide", main=relay(
             transport_maps=r"regexp:{ {/example\.org/ smtp:[203.0.113.99]} }",
             relay_domains="$transport_maps")),
    case("relay_domains as a pattern of the own domain without ends", "open",
         "destination-too-wide", main=relay(relay_domains=r"regexp:{ {/example\.org/ x} }")),
    case("mydestination as a pattern of the own domain without an end", "open",
         "destination-too-wide", main=relay(mydestination=r"regexp:{ {/^example\.org/ x} }")),
    case("virtual_alias_domains as a pattern of the own domain without ends", "open",
         "destination-too-wide", main=relay(
             virtual_alias_domains=r"regexp:{ {/example\.org/ x} }",
             virtual_alias_maps=r"regexp:{ {/@example\.org/ joe} }", mydestination="localhost")),
    case("relay_domains as a pattern without a beginning", "open", "destination-too-wide",
         probe_options={"canary": "canary@notexample.org"},
         main=relay(relay_domains=r"regexp:{ {/example\.org$$/ x} }")),
    case("check_sender_access OK for what has the own domain in it, but for the own domain",
         "open", "sender-trusted", main=relay(
             r"check_sender_access regexp:{ {/@example\.org$$/ DUNNO}, {/@example\.org/ OK} }")),
    case("check_sender_access OK for another domain of the site", "open", "sender-trusted",
         site=TWO, main=relay("check_sender_access inline:{ shop.example=OK }")),
    case("check_sender_access OK below another domain of the site", "open", "sender-trusted",
         site={"domains": ["example.org", ".shop.example"]},
         main=relay("check_sender_access inline:{ shop.example=OK }")),
    case("check_helo_access OK for another declared domain", "open", "helo-trusted", site=TWO,
         main=relay("check_helo_access inline:{ shop.example=OK }")),
    case("permit_naked_ip_address", "open", "helo-trusted", only=4, main=relay("permit_naked_ip_address")),
    case("check_helo_access OK for the server's address", "open", "helo-trusted", only=4,
         main=relay("check_helo_access inline:{ 203.0.113.25=OK }")),
    *[case(f"own senders alone at {name}, then any recipient", "open", "sender-trusted",
           main=relay(**WORLD, **{f"smtpd_{kind}_restrictions": OWN_ALONE}, **more))
      for name, kind, more in (
          ("MAIL", "sender", {"smtpd_delay_reject": "no"}),
          ("MAIL, told at RCPT", "sender", {}),
          ("connect, told at RCPT", "client", {}),
          ("EHLO, told at RCPT", "helo", {}),
          ("RCPT", "recipient", {}))],
    case("senders with a name in DNS, then any recipient", "open", "unconditional",
         probe_options={"canary": "canary@nowhere.example.net"},
         main=relay(**WORLD, smtpd_sender_restrictions="reject_unknown_sender_domain")),
    case("an access map that believes routed subdomains", "suspected", "routing-form", main=relay(
        "check_recipient_access inline:{ example.org=OK }", allow_untrusted_routing="yes",
        **USERS)),
    case("XCLIENT for strangers", "open", "xclient", findings=["xclient-exposed"], main=relay(
        smtpd_authorized_xclient_hosts="0.0.0.0/0 [::]/0")),
    case("PROXY headers from strangers", "open", "proxy-protocol",
         findings=["proxy-protocol-exposed"], main=relay(),
         listen=["25", ("2525", {"smtpd_upstream_proxy_protocol": "haproxy"})],
         target=submission(2525)),
    case("routed mail for a second host", "suspected", "routing-form", main=relay(
        allow_untrusted_routing="yes", mydestination="localhost", relay_domains="example.org")),
]

# Behind the gateway, which passes port 25 on. `nat`: whether strangers arrive under the gateway's
# address. `proxy`: families that a proxy on the gateway takes in, and sends on over IPv4.
BEHIND = {"mynetworks": "127.0.0.0/8 [::1]/128 172.22.1.0/24 [fd22:1::]/64"}

GATEWAY = [
    case("behind a gateway that leaves addresses alone", "closed", main=relay(**BEHIND)),
    case("behind a gateway that hides strangers, not trusted", "closed", main=relay(), nat=True),
    case("behind a gateway that hides strangers, trusted", "open", "unconditional",
         main=relay(**BEHIND), nat=True),
    case("the same, of IPv6 alone", "open", "unconditional", only=6, nat=True, main=relay(
        mynetworks="127.0.0.0/8 [fd22:1::]/64")),
    case("behind a container's proxy, not trusted", "closed", main=relay(), proxy=(4, 6)),
    case("behind a container's proxy, trusted", "open", "unconditional",
         main=relay(**BEHIND), proxy=(4, 6)),
    case("a proxy for IPv6 alone, trusted", "open", "unconditional", only=6,
         main=relay(**BEHIND), proxy=(6,)),
]
