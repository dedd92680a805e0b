"""Postfix configurations, and what a rehearsal says of each: the verdict, and the lines that are guilty.

A case changes the settings of BASE, and adds files. `guilty` has pairs of a file and a text: the last line of the
file that has the text is named, and no other line.
"""

import collections
import os
import shutil
import subprocess

HERE = "/etc/postfix"  # where each of them will stand

BASE = {
    "compatibility_level": "3.6",
    "myhostname": "mx.example.org",
    "mydestination": "$myhostname, example.org, localhost",
    "mynetworks": "127.0.0.0/8 [::1]/128",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
    "local_recipient_maps": "",
    "alias_maps": "",
    "inet_interfaces": "all",
    "inet_protocols": "all",
}
SMTP = "smtp inet n - y - - smtpd\n"
SERVICES = """
pickup unix n - y 60 1 pickup
cleanup unix n - y - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - y 1000? 1 tlsmgr
rewrite unix - - y - - trivial-rewrite
bounce unix - - y - 0 bounce
defer unix - - y - 0 bounce
trace unix - - y - 0 bounce
verify unix - - y - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - y - - smtp
relay unix - - y - - smtp
error unix - - y - - error
retry unix - - y - - error
discard unix - - y - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - y - 1 anvil
"""

Case = collections.namedtuple("Case", "verdict guilty main master files hashed options")
CASES = {}


def made(verdict, guilty=(), main=None, master=SMTP, files=None, hashed=(), options=()):
    """A case; a setting that is None is left out of main.cf."""
    settings = {name: value for name, value in {**BASE, **(main or {})}.items() if value is not None}
    return Case(verdict, list(guilty), settings, master + SERVICES, files or {}, hashed, list(options))


def case(name, *facts, **more):
    CASES[name] = made(*facts, **more)


def checked(*checks):
    return {"smtpd_relay_restrictions": "\n".join(
        ["", "    permit_mynetworks", "    permit_sasl_authenticated", *("    " + check for check in checks),
         "    reject_unauth_destination"])}


PERCENT = {"virtual_alias_maps": f"regexp:{HERE}/aliases", "allow_percent_hack": "no", "allow_untrusted_routing": "yes"}
ALIASES = {"aliases": "/^sales@example\\.org$/ joe\n/^(.+)%(.+)@example\\.org$/ $1@$2\n"}

case("debian", "closed")
case("all-networks", "open", [("main.cf", "0.0.0.0/0")], {"mynetworks": "127.0.0.0/8 0.0.0.0/0"})
case("all-ipv6", "open", [("main.cf", "[::]/0")], {"mynetworks": "127.0.0.0/8\n  [::]/0"})
case("client-hash", "open", [("clients", "198.51.100 OK")], checked(f"check_client_access hash:{HERE}/clients"),
     files={"clients": "# partners\n192.0.2.99 REJECT\n198.51.100 OK\n"}, hashed=["clients"])
case("client-cidr", "open", [("clients", "198.51.100.0/22")], checked(f"check_client_access cidr:{HERE}/clients"),
     files={"clients": "10.0.0.0/8 REJECT\n\n198.51.100.0/22 OK\n"})
case("own-sender", "open", [("senders", "@example")], checked(f"check_sender_access regexp:{HERE}/senders"),
     files={"senders": "/@spam\\.test$/ REJECT\n/@example\\.org$/ OK\n"})
case("static-ok", "open", [("main.cf", "static:OK")], checked("check_client_access static:OK"))
case("naked-address", "open", [("main.cf", "permit_naked_ip_address")], checked("permit_naked_ip_address"))
case("xclient-for-all", "open", [("main.cf", "smtpd_authorized_xclient_hosts")],
     {"smtpd_authorized_xclient_hosts": "0.0.0.0/0 [::]/0"})
case("relay-domain", "open", [("main.cf", "example.net")], {"relay_domains": "example.com,\n    example.net"})
case("percent-alias", "open", [("aliases", "%")],
     {**PERCENT, "local_recipient_maps": "inline:{ postmaster=x }"}, files=ALIASES)
# Where every local part is somebody's, nobody can tell by the answer: said, and no line is blamed.
case("percent-alias-in-a-catch-all", "conditional", main=PERCENT, files=ALIASES)
case("two-lines", "open", [("main.cf", "198.51.100.0/24"), ("main.cf", "check_sender_access")],
     {"mynetworks": "127.0.0.0/8\n  198.51.100.0/24 [2001:db8:5afe::]/48",
      **checked("check_sender_access static:OK")})
case("elsewhere", "open", [("main.cf", "203.0.0.0/16")], {"mynetworks": "127.0.0.0/8\n    203.0.0.0/16"})
case("secret-helo", "open", [("names", "gw.partner.test")], checked(f"check_helo_access hash:{HERE}/names"),
     files={"names": "# partner\ngw.partner.test OK\n"}, hashed=["names"])
case("submission", "open", [("master.cf", "smtpd_relay_restrictions")],
     master=SMTP + "submission inet n - y - - smtpd\n  -o syslog_name=submission\n"
                   "  -o { smtpd_relay_restrictions = check_client_access static:OK, reject }\n")
case("policy-of-its-own", "open", [("main.cf", "check_policy_service")],
     checked("check_policy_service unix:private/policy"),
     master=SMTP + "policy unix - n n - 0 spawn user=nobody argv=/bin/sh /etc/postfix/policy.sh\n",
     files={"policy.sh": "while read -r line; do [ -z \"$line\" ] && printf 'action=OK\\n\\n'; done\n"})
case("policy-elsewhere", "conditional", [("main.cf", "check_policy_service")],
     checked("check_policy_service inet:127.0.0.1:10023"))
case("gateway", "conditional", [("main.cf", "172.16.0.0/12")], {"mynetworks": "127.0.0.0/8 172.16.0.0/12"},
     options=["--address", "eth0=172.17.0.2/16", "--gateway", "172.17.0.1", "--trusted", "172.16.0.0/12"])
case("star", "closed", main={"relay_domains": "*"})
case("ok-elsewhere", "closed", main={"smtpd_sender_restrictions": "check_sender_access static:OK",
                                     "smtpd_client_restrictions": "permit"})
case("sasl-of-dovecot", "closed", main={"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
                                        "smtpd_sasl_path": "private/auth"})
case("milter-that-is-away", "closed", main={"smtpd_milters": "inet:127.0.0.1:1", "milter_default_action": "tempfail"})
case("strict", "closed", main={"smtpd_client_restrictions": "reject_unknown_client_hostname",
                               "smtpd_helo_restrictions": "reject_unknown_helo_hostname",
                               "smtpd_sender_restrictions": "reject_unknown_sender_domain"})
case("postscreen-of-another-name", "open", [("master.cf", "static:OK")],
     master="smtp inet n - y - 1 postscreen\n  -o smtpd_service_name=other\nsmtpd pass - - y - - smtpd\n"
            "other pass - - y - - smtpd\n"
            "  -o smtpd_relay_restrictions=check_client_access,static:OK,reject_unauth_destination\n"
            "dnsblog unix - - y - 0 dnsblog\ntlsproxy unix - - y - 0 tlsproxy\n")
case("postscreen", "closed", main={"postscreen_greet_action": "enforce"},
     master="smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\ndnsblog unix - - y - 0 dnsblog\n"
            "tlsproxy unix - - y - 0 tlsproxy\n")
case("no-reject", "broken", main={"smtpd_relay_restrictions": "permit_mynetworks",
                                  "smtpd_recipient_restrictions": "permit_mynetworks"})
case("misspelt", "closed", main={"smtpd_realy_restrictions": "permit"})


def write(folder, name, cases=None):
    """Lays the case out, and returns its folder."""
    wanted = (cases or CASES)[name]
    place = os.path.join(folder, name)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    texts = {"main.cf": main_cf(wanted), "master.cf": wanted.master, **wanted.files}
    for file, text in texts.items():
        with open(os.path.join(place, file), "w", encoding="utf-8") as out:
            out.write(text)
    bare = os.path.join(folder, "bare")
    os.makedirs(bare, exist_ok=True)
    with open(os.path.join(bare, "main.cf"), "w", encoding="utf-8") as out:
        out.write("compatibility_level = 3.6\n")
    for table in wanted.hashed:
        subprocess.run(["postmap", "-c", bare, f"hash:{place}/{table}"], check=True)
    return place


def main_cf(wanted):
    return "".join(f"{parameter} = {value}\n" for parameter, value in wanted.main.items())


def guilty_lines(name, cases=None):
    """As FILE:LINE, sorted."""
    wanted = (cases or CASES)[name]
    texts = {"main.cf": main_cf(wanted), "master.cf": wanted.master, **wanted.files}
    return sorted(f"{file}:{texts[file][:texts[file].rindex(text)].count(chr(10)) + 1}" for file, text in wanted.guilty)
