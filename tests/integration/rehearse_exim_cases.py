"""Exim configurations, and what a rehearsal says of each: the verdict, and the lines that are guilty.

`guilty` has pairs of a file and a text: the line of the file that has the text is named, and no other line. The
operator's remedy is in `mend`: texts of files, and what stands there afterwards; None deletes the whole line.
"""

import collections
import os
import shutil

from lab.installed import package

HERE = "/etc/exim4"  # where each of them will stand

PLAIN = """\
primary_hostname = mx.example.org
domainlist local_domains = @ : example.org
domainlist relay_to_domains = {relay_to}
hostlist relay_from_hosts = {relay_from}
acl_smtp_rcpt = {acl}
{main}
begin acl
acl_check_rcpt:
  accept hosts = :
  # roots of all evil
{first}  accept hosts = +relay_from_hosts
  accept authenticated = *
{before}{refusal}{after}  require verify = recipient
  accept
begin routers
{routers}local:
  driver = accept
  domains = +local_domains : +relay_to_domains
  local_parts = postmaster : joe
  transport = nowhere
outside:
  driver = manualroute
  domains = ! +local_domains
  transport = smtp
  route_list = * 192.0.2.99
begin transports
smtp:
  driver = smtp
nowhere:
  driver = appendfile
  file = /dev/null
begin authenticators
{authenticators}"""
MUST = """\
  require message = relay not permitted
          domains = +local_domains : +relay_to_domains
"""
MUST_NOT = """\
  deny message = relay not permitted
       domains = !+local_domains : \\
                 !+relay_to_domains
"""
SETTINGS = """\
dc_eximconfig_configtype='internet'
dc_other_hostnames='{hostnames}'
dc_local_interfaces=''
dc_readhost=''
dc_relay_domains='{relay_domains}'
dc_minimaldns='false'
dc_relay_nets='{relay_nets}'
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='{split}'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""
TEMPLATE = "exim4.conf.template"
ACL = "conf.d/acl/30_exim4-config_check_rcpt"
REFUSAL = "  require\n    message = relay not permitted\n"

Case = collections.namedtuple("Case", "verdict guilty files debian mend options")
CASES = {}


def plain(name, verdict, guilty=(), *, files=None, mend=(), options=(), relay_to="", relay_from="127.0.0.1", main="",
          first="", before="", after="", routers="", authenticators="", acl="acl_check_rcpt", refusal=MUST):
    text = PLAIN.format(relay_to=relay_to, relay_from=relay_from, main=main, first=first, before=before, after=after,
                        routers=routers, authenticators=authenticators, acl=acl, refusal=refusal)
    CASES[name] = Case(verdict, list(guilty), {"exim4.conf": text, **(files or {})}, {}, list(mend), list(options))


def debian(name, verdict, guilty=(), *, files=None, edits=None, mend=(), options=(), split="true", hostnames="example.org",
           relay_domains="", relay_nets=""):
    """edits: file of the package to pairs of texts."""
    settings = SETTINGS.format(split=split, hostnames=hostnames, relay_domains=relay_domains, relay_nets=relay_nets)
    CASES[name] = Case(verdict, list(guilty), {"update-exim4.conf.conf": settings, **(files or {})}, edits or {"": []},
                       list(mend), list(options))


ANONYMOUS = """anonymous:
  driver = plaintext
  public_name = ANONYMOUS
  server_prompts = :
  server_condition = true
  server_set_id = anonymous
"""
LOGIN = """people:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{joe}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2
"""
UNPERCENT = """unpercent:
  driver = redirect
  domains = +local_domains
  local_parts = \\N^.+%.+$\\N
  data = ${sg{$local_part}{\\N^(.+)%(.+)$\\N}{\\$1@\\$2}}
"""

# ---- open ----
plain("all-networks", "open", [("exim4.conf", "0.0.0.0/0")], relay_from="127.0.0.1 : \\\n    0.0.0.0/0",
      mend=[("exim4.conf", "0.0.0.0/0", "")])
plain("all-ipv6", "open", [("exim4.conf", "2000::/3")], relay_from="<; 127.0.0.1 ; \\\n    2000::/3 ; \\\n    ::1",
      mend=[("exim4.conf", "2000::/3 ;", "")])
plain("elsewhere", "open", [("exim4.conf", "203.0.0.0/16")], relay_from="127.0.0.1 : 203.0.0.0/16",
      mend=[("exim4.conf", " : 203.0.0.0/16", "")])
plain("relay-domains", "open", [("exim4.conf", "*.net")], relay_to="example.com : \\\n   *.net",
      mend=[("exim4.conf", "*.net", "")])
plain("own-sender", "open", [("exim4.conf", "accept sender_domains")],
      before="  accept sender_domains = +local_domains\n",
      mend=[("exim4.conf", "  accept sender_domains = +local_domains\n", "")])
plain("outside-sender", "open", [("exim4.conf", "message = partners")],
      before="  accept message = partners\n         senders = *@outside.example.net\n",
      mend=[("exim4.conf", "  accept message = partners\n         senders = *@outside.example.net\n", "")])
plain("senders-in-a-file", "open", [("senders", "boss@partner.test")],
      before="  accept senders = lsearch*@;/etc/exim4/senders\n",
      files={"senders": "# who may\n\nboss@partner.test: yes\n"}, mend=[("senders", "boss@partner.test: yes", "")])
plain("hosts-in-a-file", "open", [("relays", "198.51.100.0/24")], relay_from="127.0.0.1 : net-iplsearch;/etc/exim4/relays",
      files={"relays": "192.0.2.99: ours\n198.51.100.0/24: theirs\n"}, mend=[("relays", "198.51.100.0/24: theirs", "")])
plain("list-of-a-file", "open", [("relays", "198.51.100.0/24")], relay_from="127.0.0.1 : /etc/exim4/relays",
      files={"relays": "192.0.2.99\n\n198.51.100.0/24\n"}, mend=[("relays", "198.51.100.0/24", "")])
plain("greeting", "open", [("exim4.conf", "accept condition")],
      before="  accept condition = ${if eq{$sender_helo_name}{gw.partner.test}}\n",
      mend=[("exim4.conf", "  accept condition = ${if eq{$sender_helo_name}{gw.partner.test}}\n", "")])
plain("sender-pattern", "open", [("exim4.conf", "accept senders")], before="  accept senders = \\N^.*@partner\\.test$\\N\n",
      mend=[("exim4.conf", "  accept senders = \\N^.*@partner\\.test$\\N\n", "")])
plain("any-postmaster", "open", [("exim4.conf", "accept local_parts")], before="  accept local_parts = postmaster\n",
      mend=[("exim4.conf", "  accept local_parts = postmaster\n", "")])
plain("two-lines", "open", [("exim4.conf", "198.51.100.0/24"), ("exim4.conf", "accept senders")],
      relay_from="127.0.0.1 : \\\n  198.51.100.0/24 : 2001::db8::::/32",
      before="  accept senders = *\n",
      mend=[("exim4.conf", "198.51.100.0/24 : 2001::db8::::/32", ""), ("exim4.conf", "  accept senders = *\n", "")])
plain("included", "open", [("acl/partners", "accept")], before="  .include /etc/exim4/acl/partners\n",
      files={"acl/partners": "# who pays\n\n  accept\n    hosts = 198.51.100.0/24\n"},
      mend=[("acl/partners", "  accept\n    hosts = 198.51.100.0/24\n", "")])
plain("acl-of-an-acl", "open", [("exim4.conf", "accept !sender_domains")],
      before="  accept acl = acl_friends\n", after="  require verify = recipient\n  accept\nacl_friends:\n"
      "  accept !sender_domains = spam.test\n  deny\nacl_other:\n",
      mend=[("exim4.conf", "  accept !sender_domains = spam.test\n", "")])
plain("proxy", "open", [("exim4.conf", "hosts_proxy")], main="hosts_proxy = *\n", mend=[("exim4.conf", "hosts_proxy = *\n", "")])
plain("anonymous", "open", [("exim4.conf", "anonymous:")], authenticators=LOGIN + ANONYMOUS,
      mend=[("exim4.conf", ANONYMOUS, "")])
plain("percent", "open", [("exim4.conf", "unpercent:")], routers=UNPERCENT, mend=[("exim4.conf", UNPERCENT, "")])
plain("warn-for-require", "open", [("exim4.conf", "message = all")],
      first="  warn !domains = +local_domains\n       log_message = we should not\n  accept message = all\n",
      mend=[("exim4.conf", "  accept message = all\n", "")])
plain("refused-by-deny", "open", [("exim4.conf", "*.net")], relay_to="example.com : *.net", refusal=MUST_NOT,
      mend=[("exim4.conf", " : *.net", "")])
plain("ends-negated", "open", [("exim4.conf", "!192.0.2.1")], relay_from="!192.0.2.1",
      mend=[("exim4.conf", "!192.0.2.1", "")])
plain("expanded", "open", [("exim4.conf", "${if")], relay_from="${if eq{1}{1}{0.0.0.0/0}{}}",
      mend=[("exim4.conf", "${if eq{1}{1}{0.0.0.0/0}{}}", "")])
plain("acl-in-the-setting", "open", [("exim4.conf", "acl_smtp_rcpt = accept")], acl="accept",
      mend=[("exim4.conf", "acl_smtp_rcpt = accept\n", "")])
debian("debian-nets", "open", [("update-exim4.conf.conf", "dc_relay_nets")], relay_nets="10.0.0.0/8 ; 198.51.0.0/16",
       options=["--trusted", "10.0.0.0/8"], mend=[("update-exim4.conf.conf", " ; 198.51.0.0/16", "")])
debian("debian-domains", "open", [("update-exim4.conf.conf", "dc_relay_domains")], relay_domains="example.com:*.net",
       split="false", mend=[("update-exim4.conf.conf", ":*.net", "")])
debian("debian-acl", "open", [(ACL, "message = partners")],
       edits={ACL: [(REFUSAL, "  accept message = partners\n    sender_domains = example.org\n" + REFUSAL)]},
       mend=[(ACL, "  accept message = partners\n    sender_domains = example.org\n", "")])
debian("debian-template", "open", [(TEMPLATE, "message = partners")], split="false",
       edits={TEMPLATE: [(REFUSAL, "  accept message = partners\n    hosts = 198.51.100.0/24\n" + REFUSAL)]},
       mend=[(TEMPLATE, "  accept message = partners\n    hosts = 198.51.100.0/24\n", "")])
debian("debian-macro", "open", [("exim4.conf.localmacros", "MAIN_RELAY_NETS")], split="false",
       files={"exim4.conf.localmacros": "# ours\nMAIN_RELAY_NETS = 127.0.0.1 : *\n"},
       mend=[("exim4.conf.localmacros", " : *", "")])
# ---- open if something is so ----
plain("gateway", "conditional", [("exim4.conf", "172.16.0.0/12")], relay_from="127.0.0.1 : 172.16.0.0/12",
      options=["--address", "eth0=172.17.0.2/16", "--gateway", "172.17.0.1", "--trusted", "172.16.0.0/12"],
      mend=[("exim4.conf", " : 172.16.0.0/12", "")])
# ---- closed ----
plain("correct", "closed")
debian("debian-split", "closed")
debian("debian-one-file", "closed", split="false", relay_nets="10.0.0.0/8", options=["--trusted", "10.0.0.0/8"])
plain("backup", "closed", relay_to="example.org")
plain("people", "closed", authenticators=LOGIN, main="tls_advertise_hosts = *\nauth_advertise_hosts = ${if def:tls_in_cipher{*}}\n")
plain("strict", "closed", first="  deny dnslists = dnsbl.example.net\n  deny !verify = sender\n"
      "  deny ratelimit = 1 / 1h / strict\n  warn delay = 30s\n", main="smtp_accept_max_per_host = 1\nsmtp_accept_max = 2\n")
plain("unwrapped-before-it-is-asked", "closed", main="percent_hack_domains = example.org\n")
plain("list-that-nobody-uses", "closed", main="hostlist friends = *\naddresslist foes = *@*\n",
      before="  deny senders = +foes\n         hosts = !+friends\n")
# ---- two things of one request ----
def let_by(name, verdict, *conditions, guilty="message = these", files=None, **more):
    """An `accept` with these conditions before the refusal; it, or an item of a list, is guilty where it opens."""
    text = "  accept message = these\n" + "".join(f"         {condition}\n" for condition in conditions)
    plain(name, verdict, [("exim4.conf", guilty)] if verdict == "open" else (), before=text, files=files,
          mend=[("exim4.conf", text, "")], **more)


let_by("sender-of-a-network", "open", "senders = *@partner.test", "hosts = 203.0.113.64/27")
let_by("sender-to-a-role", "open", "senders = boss@partner.test : joe@partner.test", "local_parts = postmaster",
       guilty="senders = boss")
let_by("greeting-of-a-network", "open",
       "condition = ${if and{{eq{$sender_helo_name}{gw.partner.test}}{match_ip{$sender_host_address}{203.0.113.64/27}}}}")
let_by("sender-by-condition", "open", "condition = ${if eqi{$sender_address_domain}{partner.test}{yes}{no}}")
let_by("role-by-condition", "open", "condition = ${if match{$local_part}{^bounce-[0-9]+\\$}}")
let_by("domains-of-a-folder", "open", "domains = dsearch;/etc/exim4/hosted", guilty="domains = dsearch",
       files={"hosted/partner.test": ""})
let_by("negated-in-a-list", "open", "hosts = !203.0.113.64/30 : !203.0.113.92/30 : !203.0.113.80/30 : 203.0.113.64/27")
let_by("nobody-of-a-network", "closed", "senders = *@partner.test", "hosts = 127.0.0.1")
let_by("logged-in", "closed", "authenticated = *", "condition = ${if eq{$acl_m_x}{y}}")
plain("senders-are-required", "open", [("exim4.conf", "203.0.113.64/27")], relay_from="127.0.0.1 : 203.0.113.64/27",
      first="  require message = relay not permitted\n          sender_domains = partner.test\n",
      mend=[("exim4.conf", " : 203.0.113.64/27", "")])
plain("bogus-networks", "open", [("exim4.conf", "message = all")], main="acl_smtp_connect = acl_bogus\n",
      before="  accept message = all\n", after="  accept\nacl_bogus:\n  deny hosts = <; 10.0.0.0/8 ; 100.64.0.0/10 ; "
      "192.0.2.0/24 ; 198.18.0.0/15 ; 198.51.100.0/24 ; 203.0.113.0/24 ; 224.0.0.0/3 ; 2001:db8::/32\n  accept\nacl_other:\n",
      mend=[("exim4.conf", "  accept message = all\n", "")])
plain("a-thousand-networks", "closed", options=["--trusted", "10.0.0.0/8"],
      relay_from="127.0.0.1 : " + " : ".join(f"10.{i // 256}.{i % 256}.0/24" for i in range(1000)))
# ---- what cannot be asked ----
let_by("keys-in-a-map", "unknown", "hosts = 203.0.113.64/27", "senders = cdb;/etc/exim4/senders.cdb")
let_by("condition-of-a-lookup", "unknown",
       "condition = ${if eq{${lookup{$sender_host_address}lsearch{/etc/exim4/known}}}{yes}}", files={"known": "192.0.2.99: yes\n"})
plain("everybody-is-turned-away", "unknown", main="acl_smtp_connect = acl_known\n",
      before="  accept message = all\n", after="  accept\nacl_known:\n  deny hosts = !10.0.0.0/8\n  accept\nacl_other:\n",
      options=["--trusted", "10.0.0.0/8"])
let_by("keys-of-a-hidden-list", "unknown", "hosts = 203.0.113.64/27", "senders = +partners",
       main="hide addresslist partners = cdb;/etc/exim4/partners.cdb\n")
let_by("hidden-list-of-a-network", "open", "hosts = +offices", "senders = +partners", guilty="203.0.113.64/27",
       main="hide hostlist offices = 203.0.113.64/27\nhide addresslist partners = *@partner.test\n")
# ---- neither ----
plain("misspelt", "broken", main="acl_smpt_rcpt = acl_check_rcpt\n")
debian("debian-misspelt", "broken", edits={ACL: [(REFUSAL, "  acept\n" + REFUSAL)]})


def write(folder, name):
    """Lays the case out, and returns its folder."""
    wanted = CASES[name]
    place = os.path.join(folder, name)
    shutil.rmtree(place, ignore_errors=True)
    if wanted.debian:
        shutil.copytree(os.path.join(package("exim4-daemon-heavy"), "etc/exim4"), place)
    for file, text in wanted.files.items():
        _write(place, file, text)
    for file, pairs in wanted.debian.items():
        for old, new in pairs:
            change(place, file, old, new)
    return place


def _write(place, file, text):
    path = os.path.join(place, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def read(place, file):
    with open(os.path.join(place, file), encoding="utf-8") as text:
        return text.read()


def change(place, file, old, new):
    text = read(place, file)
    assert text.count(old) == 1, (file, old, text.count(old))
    _write(place, file, text.replace(old, new))


def mend(place, name):
    """As an operator would who reads the lines that are named."""
    for file, old, new in CASES[name].mend:
        change(place, file, old, new)


def guilty_lines(place, name):
    """As FILE:LINE, sorted."""
    found = []
    for file, text in CASES[name].guilty:
        whole = read(place, file)
        assert whole.count(text) == 1, (file, text)
        found.append(f"{file}:{whole[:whole.index(text)].count(chr(10)) + 1}")
    return sorted(found)
