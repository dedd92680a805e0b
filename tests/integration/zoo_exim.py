"""Exim with Debian's configuration, as it should be and as it should not."""

from zoo import PLAIN_CANARY, case, submission

# Debian refuses these characters in local parts; older configurations and others do not.
ODD = {"CHECK_RCPT_LOCAL_LOCALPARTS": "^[.]"}
# Behind the relay check and in front of it.
GREYLIST = """  defer
    !seen = -${{sg{{{delay}}}{{ .*}}{{s}}}} / key=${{sender_host_address}}_${{sender_address}}_${{local_part}}@${{domain}}
    message = Greylisted, please come back in {delay}
"""
BLOCKLIST = """  deny
    dnslists = dnsbl.example.net
    message = rejected because $sender_host_address is in a black list at $dnslist_domain
"""
CATCH_ALL = """catch_all:
  driver = accept
  domains = +local_domains
  transport = mail_spool
"""
LOGIN = """people:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{joe}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2
"""
ANONYMOUS = """anonymous:
  driver = plaintext
  public_name = ANONYMOUS
  server_prompts = :
  server_condition = true
  server_set_id = anonymous
"""
MUST_LOG_IN = """  accept
    authenticated = *
  deny
    condition = ${if eq{$received_port}{587}}
    message = authentication required
"""
MUST_ENCRYPT = """  deny
    !encrypted = *
    message = Must issue a STARTTLS command first
"""
UNPERCENT = """unpercent:
  driver = redirect
  domains = +local_domains
  local_parts = \\N^.+%.+$\\N
  data = ${sg{$local_part}{\\N^(.+)%(.+)$\\N}{\\$1@\\$2}}
"""
UNBANG = """unbang:
  driver = redirect
  domains = +local_domains
  local_parts = \\N^.+!.+$\\N
  data = ${sg{$local_part}{\\N^(.+)!(.+)$\\N}{\\$2@\\$1}}
"""


def accept(*conditions):
    """An `accept` in front of the refusal to relay."""
    return "\n".join(["  accept", *(f"    {condition}" for condition in conditions)])


def become(exim, row):
    """Makes the server what the case says."""
    how = dict(row.how)
    macros = {**how.pop("macros", {}), **(exim.certificate() if how.pop("tls", False) else {})}
    exim.set_up(macros, **how)
    exim.restart()


CORRECT = [
    case("Debian's internet site", "closed"),
    case("a backup for a second host", "closed", macros={
        "MAIN_LOCAL_DOMAINS": "@ : localhost", "MAIN_RELAY_TO_DOMAINS": "example.org"}),
    case("submission: only after authentication", "closed", listen=["25", "587"],
         target=submission(), tls=True, authenticators=LOGIN, acl_first=MUST_LOG_IN),
    case("TLS demanded", "closed", tls=True, acl_mail=MUST_ENCRYPT),
    case("greylisting behind the relay check", "closed", acl_last=GREYLIST.format(delay="300 seconds")),
    case("greylisting in front of it, waited for", "closed", arguments=["--wait", "60s"],
         acl_first=GREYLIST.format(delay="2 seconds")),
    case("greylisting in front of it", "inconclusive", acl_first=GREYLIST.format(delay="300 seconds")),
    case("a blocklist in front of the relay check", "inconclusive", acl_first=BLOCKLIST),
    case("a blocklist behind the relay check", "closed", acl_last=BLOCKLIST),
    case("recipients verified by asking", "closed",
         acl_last="  require\n    verify = recipient/callout=1s"),
    case("senders verified by asking, whose host is away", "inconclusive",
         acl_first="  require\n    verify = sender/callout=1s"),
    case("relay_to_domains of whatever is below the own domain", "closed",
         macros={"MAIN_RELAY_TO_DOMAINS": "example.org : *.example.org"}),
    # DNS does not know the look-alike, which is asked about after the relay check: that was passed, as
    # no made-up subdomain of the site's does.
    case("relay_to_domains without an end, and the canary's domain has no wildcard", "inconclusive",
         probe_options={"canary": PLAIN_CANARY},
         macros={"MAIN_RELAY_TO_DOMAINS": r"\N^example\.org\N"}),
    case("relay_to_domains with both ends, and the canary's domain has no wildcard", "closed",
         probe_options={"canary": PLAIN_CANARY},
         macros={"MAIN_RELAY_TO_DOMAINS": r"\N^example\.org$\N"}),
    # Nobody can see from outside what is let in for a domain that the canary is not of.
    case("relay_to_domains that end as the own one does, and the canary's does not", "closed",
         macros={"MAIN_RELAY_TO_DOMAINS": "*example.org"}),
    case("relay_to_domains of whose MX we are, and the canary's is another", "closed",
         macros={"MAIN_RELAY_TO_DOMAINS": "@mx_any"}),
    # Unwrapped before it is asked about, so the relay check sees the outside address.
    case("percent_hack_domains", "closed", macros=ODD,
         main=["percent_hack_domains = example.org"]),
    case("a catch-all domain", "closed", routers=CATCH_ALL),
    case("a catch-all domain that takes odd names as they are", "suspected", "routing-form",
         macros=ODD, routers=CATCH_ALL),
]

OPEN = [
    case("relay_from_hosts of the whole world", "open", "unconditional",
         macros={"MAIN_RELAY_NETS": "*"}),
    case("relay_from_hosts of a provider", "open", "unconditional", only=4,
         macros={"MAIN_RELAY_NETS": "127.0.0.1 : 198.51.0.0/16"}),
    case("relay_from_hosts of all IPv6", "open", "unconditional", only=6,
         macros={"MAIN_RELAY_NETS": "<; 127.0.0.1 ; 2000::/3"}),
    case("hosts accepted by name", "open", "unconditional",
         acl_relay=accept("hosts = *.example.net")),
    case("any sender accepted that verifies", "open", "unconditional",
         acl_relay=accept("verify = sender")),
    case("senders of the own domain accepted", "open", "sender-trusted",
         acl_relay=accept("sender_domains = +local_domains")),
    case("the null sender accepted", "open", "sender-trusted", acl_relay=accept("senders = :")),
    case("one outside sender accepted", "open", "sender-trusted",
         acl_relay=accept("senders = *@outside.example.net")),
    case("a greeting with the own domain accepted", "open", "helo-trusted",
         acl_relay=accept("condition = ${if eq{$sender_helo_name}{example.org}}")),
    case("a greeting with the host's address accepted", "open", "helo-trusted",
         acl_relay=accept("condition = ${if match{$sender_helo_name}{\\N^\\[\\N}}")),
    case("relay_to_domains that match everything", "open", "unconditional",
         macros={"MAIN_RELAY_TO_DOMAINS": "*"}),
    case("relay_to_domains of a whole top-level domain", "open", "destination-too-wide",
         macros={"MAIN_RELAY_TO_DOMAINS": "example.org : *.net"}),
    # The site's own made-up subdomain ends so, too, and nothing tells this from a trusted client.
    case("relay_to_domains that end as the own one does", "open", "unconditional",
         probe_options={"canary": "canary@notexample.org"},
         macros={"MAIN_RELAY_TO_DOMAINS": "*example.org"}),
    case("relay_to_domains as a regular expression without an end", "open",
         "destination-too-wide", macros={"MAIN_RELAY_TO_DOMAINS": r"\N^(.*\.)?example\.org\N"}),
    case("recipients of a regular expression without an end accepted", "open",
         "destination-too-wide", acl_relay=accept(r"recipients = \N^.*@example\.org\N")),
    case("address literals of a provider accepted", "open", "destination-too-wide",
         macros={"MAIN_ALLOW_DOMAIN_LITERALS": "1"},
         acl_relay=accept("domains = <; \\N^\\[(198\\.51|IPv6:2001:db8:51)\\N")),
    case("any address literal accepted", "suspected", "destination-too-wide",
         macros={"MAIN_ALLOW_DOMAIN_LITERALS": "1"},
         acl_relay=accept("domains = \\N^\\[\\N")),
    case("a router that unwraps percent signs", "open", "routing-form", macros=ODD,
         routers=UNPERCENT),
    case("a router that unwraps bang paths", "open", "routing-form", macros=ODD, routers=UNBANG),
    case("open inside TLS alone", "open", "unconditional", tls=True,
         acl_relay=accept("encrypted = *")),
    case("open in the clear alone", "open", "unconditional", tls=True,
         acl_relay=accept("!encrypted = *")),
    case("PROXY headers from strangers", "open", "proxy-protocol",
         findings=["proxy-protocol-exposed"], main=["hosts_proxy = *"]),
    case("AUTH ANONYMOUS taken for a login", "open", "anonymous-auth",
         findings=["anonymous-auth"], authenticators=ANONYMOUS),
    case("submission that asks for no login", "open", "unconditional", listen=["25", "587"],
         target=submission(), acl_relay=accept("condition = ${if eq{$received_port}{587}}")),
    case("TLS at once, behind it all accepted", "open", "unconditional", listen=["25", "465"],
         target=submission(465), tls=True, main=["tls_on_connect_ports = 465"],
         acl_relay=accept("condition = ${if eq{$received_port}{465}}")),
]
