"""Sendmail configurations, and what a rehearsal says of each: the verdict, and the lines that are guilty.

`guilty` has pairs of a file and a text: the line of the file that has the text is named, and no other line. The
operator's remedy is in `mend`: texts of files, and what stands there afterwards.
"""

import collections
import os
import shutil
import subprocess

from lab.installed import package

HERE = "/etc/mail"  # where each of them will stand
CF = os.path.join(package("sendmail-bin"), "usr/share/sendmail/cf")

PLAIN = """\
divert(-1)
a mail host
divert(0)dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
VERSIONID(`the rehearsal')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.example.org')dnl
FEATURE(`no_default_msa')dnl
{listeners}FEATURE(`use_cw_file')dnl
FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')dnl
{features}MAILER(`local')dnl
MAILER(`smtp')dnl
{rules}"""

# made: files that m4 and makemap make before, as an operator's make(1) would; stale: what the map had before its text.
Case = collections.namedtuple("Case", "verdict guilty files only_cf only_map stale mend options")
CASES = {}


def case(name, verdict, guilty=(), *, features="", rules="", access="", relay="", local="example.org\nlocalhost\n",
         listeners="", files=None, only_cf=False, only_map=False, stale=None, mend=(), options=()):
    text = PLAIN.format(features=features, rules=rules, listeners=listeners)
    CASES[name] = Case(verdict, list(guilty),
                       {"sendmail.mc": text, "access": access, "local-host-names": local, "relay-domains": relay,
                        **(files or {})}, only_cf, only_map, stale, list(mend), list(options))


def feature(name, *more):
    return f"FEATURE(`{name}'" + "".join(f", `{word}'" for word in more) + ")dnl\n"


LOCAL = "LOCAL_RULESETS\nSLocal_check_rcpt\n"

# ---- open ----
case("promiscuous", "open", [("sendmail.mc", "promiscuous_relay")], features=feature("promiscuous_relay"),
     mend=[("sendmail.mc", feature("promiscuous_relay"), "")])
case("network", "open", [("access", "Connect:198.51")], access="# partners\nConnect:198.51\tRELAY\n198.18 REJECT\n",
     mend=[("access", "Connect:198.51\tRELAY\n", "")])
case("network-without-a-tag", "open", [("access", "203.0.113")], access="192.0.2.99 OK\n203.0.113   RELAY\n",
     mend=[("access", "203.0.113   RELAY\n", "")])
case("ipv6", "open", [("access", "IPv6:2001:db8")], listeners="DAEMON_OPTIONS(`Name=MTA6, Family=inet6')dnl\n", access="Connect:IPv6:2001:db8\tRELAY\n",
     mend=[("access", "Connect:IPv6:2001:db8\tRELAY\n", "")])
case("name-of-a-client", "open", [("access", "partner.test")], access="Connect:partner.test\tRELAY\n",
     mend=[("access", "Connect:partner.test\tRELAY\n", "")])
case("destination", "open", [("access", "To:example.net")], access="To:example.com\tREJECT\nTo:example.net\tRELAY\n",
     mend=[("access", "To:example.net\tRELAY\n", "")])
case("top-level-domain", "open", [("relay-domains", "net")], relay="# ours\nexample.org\n\nnet\n",
     mend=[("relay-domains", "\nnet\n", "\n")])
case("domain-of-another", "open", [("relay-domains", "partner.test")], relay="example.org\npartner.test\n",
     mend=[("relay-domains", "partner.test\n", "")])
case("local-from", "open", [("sendmail.mc", "relay_local_from")], features=feature("relay_local_from"),
     mend=[("sendmail.mc", feature("relay_local_from"), "")])
case("mail-from", "open", [("access", "From:boss")], features=feature("relay_mail_from"),
     access="From:boss@partner.test\tRELAY\n", mend=[("access", "From:boss@partner.test\tRELAY\n", "")])
case("mail-from-a-domain", "open", [("access", "From:example.org")], features=feature("relay_mail_from", "domain"),
     access="From:example.org\tRELAY\n", mend=[("access", "From:example.org\tRELAY\n", "")])
case("relay-domain-of-the-mc", "open", [("sendmail.mc", "example.net")],
     features="RELAY_DOMAIN(`example.org example.net')dnl\n", mend=[("sendmail.mc", " example.net", "")])
case("rule-for-percent-signs", "open", [("sendmail.mc", "R$* % $*")],
     rules=LOCAL + "R$* % $* @ $*\t$#OK\n", features="MODIFY_MAILER_FLAGS(`LOCAL', `+w')dnl\n",
     mend=[("sendmail.mc", "R$* % $* @ $*\t$#OK\n", "")])
case("rule-for-a-greeting", "open", [("sendmail.mc", "Rgw.partner.test")],
     rules=LOCAL + "R$*\t\t$: $&s\nRgw.partner.test\t$#OK\nR$*\t\t$@ ok\n",
     mend=[("sendmail.mc", "Rgw.partner.test\t$#OK\n", "")])
case("two-lines", "open", [("access", "198.51.100"), ("sendmail.mc", "relay_local_from")],
     access="Connect:198.51.100\tRELAY\n", features=feature("relay_local_from"),
     mend=[("access", "Connect:198.51.100\tRELAY\n", ""), ("sendmail.mc", feature("relay_local_from"), "")])
case("same-key-twice", "open", [("access", "RELAY"), ("access", "relay")],
     access="Connect:198.51\tRELAY\nconnect:198.51 relay\n",
     mend=[("access", "Connect:198.51\tRELAY\n", ""), ("access", "connect:198.51 relay\n", "")])
case("bare-cf-class", "open", [("sendmail.cf", "example.net")], only_cf=True,
     features="RELAY_DOMAIN(`example.net')dnl\n", mend=[("sendmail.cf", "C{R}example.net", "C{R}")])
case("bare-cf-rule", "open", [("sendmail.cf", "FROM local")], only_cf=True, features=feature("relay_local_from"),
     mend=[("sendmail.cf", "R<?> $+ < @ $=w >\t$@ RELAY\t\tFROM local\n", "")])
# No rule stands there that could be taken out: the mark of what is missing is named.
case("bare-cf-promiscuous", "open", [("sendmail.cf", "promiscuous_relay.m4")], only_cf=True,
     features=feature("promiscuous_relay"))
case("map-without-text", "open", [("sendmail.mc", "access_db")], only_map=True, access="Connect:198.51\tRELAY\n",
     mend=[("sendmail.mc", "FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')dnl\n", "")])
case("made-local-from", "open", [("sendmail.cf", "FROM local")], only_cf=True, features=feature("relay_local_from"))
# ---- conditional ----
case("based-on-mx", "conditional", [("sendmail.mc", "relay_based_on_MX")], features=feature("relay_based_on_MX"))
case("gateway", "conditional", [("access", "Connect:172.17")], access="Connect:172.17\tRELAY\n",
     options=["--address", "eth0=172.17.0.2/16", "--gateway", "172.17.0.1", "--trusted", "172.16.0.0/12"])
# ---- closed ----
case("stock", "closed")
case("own-network", "closed", access="Connect:10\tRELAY\nConnect:IPv6:fd00\tRELAY\nlocalhost RELAY\n",
     options=["--trusted", "10.0.0.0/8", "--trusted", "fd00::/16"])
case("backup", "closed", local="localhost\n", relay="example.org\n", access="To:example.org\tRELAY\n")
case("entire-domain", "closed", features=feature("relay_entire_domain"))
case("hosts-only", "closed", features=feature("relay_hosts_only"), relay="example.org\n")
case("unresolvable", "closed", features=feature("accept_unresolvable_domains"), access="From:spam.test\tREJECT\n")
case("slow-and-strict", "closed", features=feature("delay_checks", "friend", "n") + feature("greet_pause", "5000") +
     feature("ratecontrol", "nodelay", "terminate") + feature("conncontrol", "nodelay", "terminate") +
     "define(`confBAD_RCPT_THROTTLE', `1')dnl\ndefine(`confCONNECTION_RATE_THROTTLE', `1')dnl\n"
     "INPUT_MAIL_FILTER(`away', `S=inet:1@127.0.0.1, F=T, T=C:5m')dnl\n", access="ClientRate:\t1\nClientConn:\t1\n")
case("submission", "closed", listeners="DAEMON_OPTIONS(`Name=MTA, Port=smtp')dnl\n"
     "DAEMON_OPTIONS(`Name=MSA, Port=587, M=Ea')dnl\n")
case("bare-cf", "closed", only_cf=True)
case("loopback", "closed", listeners="DAEMON_OPTIONS(`Name=MTA, Port=smtp, Addr=127.0.0.1')dnl\n")
case("map-of-before", "unknown", access="# nobody\n", stale="Connect:198.51\tRELAY\n")
case("map-in-use", "open", [("sendmail.mc", "access_db")], access="# nobody\n", only_map=False,
     stale="!Connect:198.51\tRELAY\n", mend=[("sendmail.mc", "FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')dnl\n", "")])
case("ldap", "unknown", features="LOCAL_CONFIG\nKpartners ldap -1 -v mail -k (mail=%0)\n")
# ---- neither ----
case("broken-include", "broken", features="include(`/etc/mail/m4/partners.m4')dnl\n")
case("broken-class", "broken", features="LOCAL_CONFIG\nFw/etc/mail/nowhere\n")


def make_map(place, text):
    makemap = os.path.join(package("sendmail-bin"), "usr/libexec/sendmail/makemap")
    subprocess.run([makemap, "-C", "/dev/null", "hash", os.path.join(place, "access")], input=text, text=True,
                   check=True, capture_output=True)


def break_map(place):
    """As half a file would be: makemap cannot list it."""
    with open(os.path.join(place, "access.db"), "wb") as file:
        file.write(b"\0" * 4096)


def write(folder, name):
    """Lays the case out, and returns its folder."""
    wanted = CASES[name]
    place = os.path.join(folder, name)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place, mode=0o755)
    for file, text in wanted.files.items():
        _write(place, file, text)
    if wanted.only_cf:
        text = read(place, "sendmail.mc").replace("/usr/share/sendmail/cf", CF)
        made = subprocess.run(["m4"], input=text, text=True, check=True, capture_output=True).stdout
        _write(place, "sendmail.cf", made)
        os.remove(os.path.join(place, "sendmail.mc"))
    if wanted.only_map:
        make_map(place, wanted.files["access"])
        os.remove(os.path.join(place, "access"))
    if wanted.stale:
        make_map(place, wanted.stale.lstrip("!"))
        now = os.stat(os.path.join(place, "access")).st_mtime
        then = now + 60 if wanted.stale.startswith("!") else now - 60
        os.utime(os.path.join(place, "access.db"), (then, then))
    return place


def _write(place, file, text):
    path = os.path.join(place, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def read(place, file):
    with open(os.path.join(place, file), encoding="utf-8") as text:
        return text.read()


def mend(place, name):
    """As an operator would who reads the lines that are named."""
    for file, old, new in CASES[name].mend:
        text = read(place, file)
        assert text.count(old) == 1, (file, old, text.count(old))
        _write(place, file, text.replace(old, new))


def guilty_lines(place, name):
    """As FILE:LINE, sorted: of a text that is there more than once the last."""
    found = []
    for file, text in CASES[name].guilty:
        whole = read(place, file)
        assert text in whole, (file, text)
        found.append(f"{file}:{whole[:whole.rindex(text)].count(chr(10)) + 1}")
    return sorted(found)
