"""More Postfix configurations, of shapes that are met in the field, in the form of rehearse_cases.py.

Each is read, run and blamed by test_rehearse_more.py; of an open one the named lines are taken out by hand, too.
"""

from rehearse_cases import HERE, SMTP, checked, made

CASES = {}


def case(name, *facts, **more):
    CASES[name] = made(*facts, **more)


# A container in a network of its own, as the usual tools lay it.
CONTAINER = ["--address", "eth0=172.18.0.5/16", "--gateway", "172.18.0.1"]
LATER = {"smtpd_relay_restrictions": ""}  # the checks are in smtpd_recipient_restrictions alone, as before Postfix 2.10


def later(*checks):
    return {**LATER, "smtpd_recipient_restrictions": "permit_mynetworks,\n    " + ",\n    ".join(
        [*checks, "reject_unauth_destination"])}


def reinjection(place, *more):
    """The smtpd to which a content filter hands mail back, as amavis's documentation has it."""
    return SMTP + "\n".join([
        f"{place} inet n - n - - smtpd", "  -o content_filter=", "  -o smtpd_helo_restrictions=",
        "  -o smtpd_relay_restrictions=", "  -o smtpd_recipient_restrictions=permit_mynetworks,reject",
        *("  -o " + option for option in more), ""])


# ---- networks ----
case("container-subnet", "open", [("main.cf", "mynetworks_style")], {"mynetworks": None, "mynetworks_style": "subnet"},
     options=[*CONTAINER, "--trusted", "172.18.0.5/32"])
case("permit-docker-networks", "conditional", [("main.cf", "172.16.0.0/12")],
     {"mynetworks": "127.0.0.0/8 [::1]/128 172.16.0.0/12 192.168.0.0/16 10.0.0.0/8"},
     options=[*CONTAINER, "--trusted", "172.16.0.0/12", "--trusted", "192.168.0.0/16", "--trusted", "10.0.0.0/8"])
case("docker-host-style", "closed", main={"mynetworks": "127.0.0.0/8 172.18.0.5/32"},
     options=[*CONTAINER, "--trusted", "172.18.0.5/32"])
case("all-of-ipv4-alone", "open", [("main.cf", "0.0.0.0/0")], {"mynetworks": "0.0.0.0/0"})
case("ipv6-trust-alone", "open", [("main.cf", "2001:db8:99::")],
     {"mynetworks": "127.0.0.0/8\n    [::1]/128\n    [2001:db8:99::]/48"})
case("parameter-chain", "open", [("main.cf", "0.0.0.0/0")],
     {"mynetworks": "127.0.0.0/8 $partner_nets", "partner_nets": "${office_nets} $cloud_nets",
      "office_nets": "192.0.2.25/32", "cloud_nets": "10.1.0.0/16 0.0.0.0/0"},
     options=["--trusted", "192.0.2.25/32", "--trusted", "10.0.0.0/8", "--address", "eth0=192.0.2.25/24"])
case("comments-between", "open", [("main.cf", "203.0.113.0/24")],
     {"mynetworks": "127.0.0.0/8,\n# the office\n   # 10.0.0.0/8,\n\n  [::1]/128,\n#  0.0.0.0/0\n  203.0.113.0/24"})
case("negated-network", "open", [("main.cf", "0.0.0.0/0")],
     {"mynetworks": "127.0.0.0/8\n  !198.51.100.0/24\n  !203.0.113.0/24\n  0.0.0.0/0"})
case("networks-of-cidr", "open", [("nets", "0.0.0.0/0")], {"mynetworks": f"127.0.0.0/8 cidr:{HERE}/nets"},
     files={"nets": "# office\n10.0.0.0/8 x\n0.0.0.0/0 x\n"}, options=["--trusted", "10.0.0.0/8"])
case("networks-of-hash", "open", [("nets", "203.0.113.9")], {"mynetworks": f"127.0.0.0/8 hash:{HERE}/nets"},
     files={"nets": "10.0.0.1 x\n203.0.113.9 x\n"}, hashed=["nets"], options=["--trusted", "10.0.0.0/8"])
case("networks-in-the-folder", "open", [("nets", "198.51.0.0/16")], {"mynetworks": "127.0.0.0/8, $config_directory/nets"},
     files={"nets": "[::1]/128\n198.51.0.0/16\n"})
case("loopback-only", "closed", main={"inet_interfaces": "loopback-only", "mydestination": "",
                                      "relayhost": "[smtp.example.net]:587", "mynetworks": "0.0.0.0/0"})
case("interfaces-of-ours", "closed", main=checked("permit_inet_interfaces"))
case("several-instances", "closed", main={"multi_instance_enable": "yes", "multi_instance_name": "postfix-in",
                                          "multi_instance_group": "mta", "multi_instance_directories": "/etc/postfix-out"})
# ---- access tables ----
case("table-above-the-check", "open", [("clients", "203.0.113")], later(f"check_client_access hash:{HERE}/clients"),
     files={"clients": "10 REJECT\n203.0.113 OK\n"}, hashed=["clients"])
case("recipient-list-only", "open", [("main.cf", "static:OK")], later("reject_non_fqdn_sender", "check_helo_access static:OK"))
case("level-0-without-relay-list", "open", [("helos", "/mx/")],
     {**later(f"check_helo_access regexp:{HERE}/helos"), "compatibility_level": "0"},
     files={"helos": "/^localhost$/ REJECT\n/mx/ OK\n"})
case("postmaster-everywhere", "open", [("roles", "postmaster@")], later(f"check_recipient_access hash:{HERE}/roles"),
     files={"roles": "abuse@example.org OK\npostmaster@ OK\n"}, hashed=["roles"])
case("cidr-order-closed", "closed", main=checked(f"check_client_access cidr:{HERE}/clients"),
     files={"clients": "0.0.0.0/0 DUNNO\n::/0 REJECT\n203.0.113.0/24 OK\n2001:db8::/32 OK\n"})
case("cidr-order-open", "open", [("clients", "0.0.0.0/0")], checked(f"check_client_access cidr:{HERE}/clients"),
     files={"clients": "198.51.100.0/24 REJECT\n203.0.113.0/24 REJECT\n192.0.2.0/24 REJECT\n0.0.0.0/0 OK\n"})
case("regexp-negated", "open", [("senders", "!/@example")], checked(f"check_sender_access regexp:{HERE}/senders"),
     files={"senders": "!/@example\\.(org|com)$/ OK\n"})
case("inline-entries", "open", [("main.cf", "partner.test")],
     checked("check_sender_access inline:{\n      { boss@nowhere.test = REJECT },\n      { partner.test = OK } }"))
case("own-domain-as-sender", "open", [("senders", "example.org")], checked(f"check_sender_access hash:{HERE}/senders"),
     files={"senders": "spam.test REJECT\n\n# our own people\nexample.org OK\n"}, hashed=["senders"])
case("classes-nested", "open", [("vip", "vip.test")],
     {**later(f"check_sender_access hash:{HERE}/vip"), "smtpd_restriction_classes": "vip, lax",
      "vip": "check_client_access cidr:/etc/postfix/nobody, lax", "lax": "permit"},
     files={"vip": "other.test reject_unauth_destination\nvip.test vip\n", "nobody": "10.9.9.9 REJECT\n"}, hashed=["vip"])
case("class-of-a-class", "open", [("main.cf", "permit")],
     {**later("check_sender_access inline:{partner.test=lax}"), "smtpd_restriction_classes": "lax, laxer", "lax": "laxer", "laxer": "permit"})
case("union-of-tables", "open", [("first", "partner.test")],
     checked(f"check_sender_access unionmap:{{texthash:{HERE}/first,texthash:{HERE}/second}}"),
     files={"first": "partner.test OK\n", "second": "spam.test REJECT\n"})
case("client-name", "open", [("clients", "partner.test")], checked(f"check_client_access hash:{HERE}/clients"),
     files={"clients": "spam.test REJECT\npartner.test OK\nown.example.org OK\n"}, hashed=["clients"])
case("client-name-of-ours", "closed", main=checked(f"check_client_access hash:{HERE}/clients"),
     files={"clients": ".example.org OK\nexample.org OK\n"}, hashed=["clients"])
case("reverse-name", "closed", main=checked(f"check_reverse_client_hostname_access hash:{HERE}/clients"),
     files={"clients": "partner.test OK\n.partner.test OK\n"}, hashed=["clients"])
case("two-files", "open", [("main.cf", "198.51.100.0/24"), ("clients6", "2001:db8")],
     {"mynetworks": "127.0.0.0/8\n  198.51.100.0/24", **checked(f"check_client_access cidr:{HERE}/clients6")},
     files={"clients6": "# six\n10.0.0.0/8 DUNNO\n2001:db8::/32 OK\n"})
case("not-delayed", "closed", main={"smtpd_delay_reject": "no", "smtpd_client_restrictions": "check_client_access static:OK",
                                    "smtpd_helo_restrictions": "permit", "smtpd_etrn_restrictions": "permit"})
# ---- destinations ----
case("relay-for-all", "open", [("main.cf", "static:all")], {"relay_domains": "static:all"})
case("relay-of-transports", "open", [("transport", "outside.example.net")],
     {"relay_domains": f"$mydestination, hash:{HERE}/transport", "transport_maps": f"hash:{HERE}/transport"},
     files={"transport": "intern.example.org relay:[10.0.0.9]\noutside.example.net relay:[10.0.0.8]\n"}, hashed=["transport"])
case("transports-alone", "closed", main={"transport_maps": f"hash:{HERE}/transport"},
     files={"transport": "outside.example.net smtp:[10.0.0.8]\n* smtp:[10.0.0.7]\n"}, hashed=["transport"])
case("alias-domains-by-regexp", "open", [("domains", "/outside/")],
     {"virtual_alias_domains": f"regexp:{HERE}/domains", "virtual_alias_maps": "regexp:{{/@outside/ root@localhost}}"},
     files={"domains": "/^shop\\.test$/ x\n/outside/ x\n"})
case("parents-match", "open", [("main.cf", "example.net")],
     {"relay_domains": "partner.test, example.net", "parent_domain_matches_subdomains": "relay_domains"})
case("parents-do-not-match", "closed",
     main={"relay_domains": "partner.test, example.net", "parent_domain_matches_subdomains": ""})
case("dotted-parent", "open", [("main.cf", ".example.net")],
     {"relay_domains": "partner.test, .example.net", "parent_domain_matches_subdomains": ""})
case("smarthost", "closed", main={"relayhost": "[smtp.example.net]:587", "smtp_sasl_auth_enable": "yes",
                                  "smtp_sasl_password_maps": f"hash:{HERE}/sasl_passwd", "recipient_delimiter": "+",
                                  "smtp_sasl_security_options": "noanonymous", "sender_canonical_maps": "static:root"},
     files={"sasl_passwd": "[smtp.example.net]:587 user:password\n"}, hashed=["sasl_passwd"])
case("backup-for-others", "conditional", [("main.cf", "permit_mx_backup")], checked("permit_mx_backup"))
case("backup-of-networks", "closed", main={**checked("permit_mx_backup"), "permit_mx_backup_networks": "10.9.0.0/16"})
# ---- services ----
case("reinjection", "closed", master=reinjection("127.0.0.1:10025", "mynetworks=127.0.0.0/8", "local_recipient_maps="),
     main={"content_filter": "smtp-amavis:[127.0.0.1]:10024"})
case("reinjection-everywhere", "open", [("master.cf", "mynetworks=")],
     master=reinjection("10025", "local_header_rewrite_clients=", "mynetworks=127.0.0.0/8,0.0.0.0/0"))
case("signer-everywhere", "conditional", [("master.cf", "mynetworks=")],
     master=reinjection("10028", "mynetworks=127.0.0.0/8,172.18.0.0/16"), options=[*CONTAINER, "--trusted", "172.18.0.0/16"])
case("submission-weaker", "open", [("ours", "example.org")],
     master=SMTP + "submission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"
     f"  -o {{ smtpd_relay_restrictions = permit_sasl_authenticated check_sender_access hash:{HERE}/ours reject }}\n",
     main={"smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth"},
     files={"ours": "example.org OK\n"}, hashed=["ours"])
case("braces-of-an-option", "open", [("master.cf", "static:OK")],
     master=SMTP + "2525 inet n - y - - smtpd\n  -o syslog_name=postfix/two\n  # it is for the scanner\n"
     "  -o { smtpd_relay_restrictions =\n       check_client_access static:OK, reject_unauth_destination }\n")
case("submission-proper", "closed", main={"smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth",
                                          "smtpd_tls_security_level": "may"},
     master=SMTP + "submissions inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=yes\n  -o smtpd_sasl_auth_enable=yes\n"
     "  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n"
     "submission inet n - y - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes\n"
     "  -o smtpd_relay_restrictions=\n  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject\n")
case("sasl-in-master-alone", "closed", main={},
     master=SMTP + "submission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n  -o smtpd_sasl_type=dovecot\n"
     "  -o smtpd_sasl_path=private/auth\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n")
case("policy-of-another-host", "conditional", [("main.cf", "check_policy_service")],
     checked("check_policy_service inet:127.0.0.1:10031"))
case("policy-below-the-check", "closed",
     main={"smtpd_recipient_restrictions": "reject_unauth_destination, check_policy_service unix:private/policy"})
case("proxy-port", "open", [("master.cf", "upstream_proxy")],
     master=SMTP + "10026 inet n - y - - smtpd\n  -o smtpd_upstream_proxy_protocol=haproxy\n")
case("proxy-port-of-an-office", "open", [("master.cf", "upstream_proxy")], {"mynetworks": "10.0.0.0/8"},
     master=SMTP + "10026 inet n - y - - smtpd\n  -o smtpd_upstream_proxy_protocol=haproxy\n",
     options=["--trusted", "10.0.0.0/8", "--address", "eth0=192.0.2.25/24"])
case("xclient-of-an-office", "open", [("main.cf", "xclient")],
     {"mynetworks": "10.0.0.0/8", "smtpd_authorized_xclient_hosts": "198.51.100.0/24"},
     options=["--trusted", "10.0.0.0/8", "--address", "eth0=192.0.2.25/24"])
case("xforward-for-all", "closed", main={"smtpd_authorized_xforward_hosts": "0.0.0.0/0"})
case("certificates-by-list", "closed",
     main={**checked("permit_tls_clientcerts"), "smtpd_tls_security_level": "may", "smtpd_tls_ask_ccert": "yes",
           "relay_clientcerts": f"hash:{HERE}/certificates", "smtpd_tls_fingerprint_digest": "sha256"},
     files={"certificates": "D7:04:2F:A7:0B:8C:A5:21:FA:31:77:E1:41:8A:EE:80 lutzpc\n"}, hashed=["certificates"])
case("roles-by-pcre", "open", [("roles", "postmaster")], later(f"check_recipient_access pcre:{HERE}/roles"),
     files={"roles": "/^root@/ REJECT\n/^(postmaster|abuse)@/ OK\n"})
case("pcre-if", "open", [("senders", "boss")], checked(f"check_sender_access pcre:{HERE}/senders"),
     files={"senders": "/@spam\\.test$/ REJECT\nif /@partner\\.test$/\n/^boss@/ OK\n/./ REJECT\nendif\n/@never\\.test$/ REJECT\n"})
case("pcre-group", "open", [("senders", "newsletter")], checked(f"check_sender_access pcre:{HERE}/senders"),
     files={"senders": "/^(bounce|newsletter)-[0-9]{3,}\\+.*=\\w+@lists\\.partner\\.test$/i OK\n"})
case("any-certificate", "conditional", [("main.cf", "permit_tls_all_clientcerts")],
     {**checked("permit_tls_all_clientcerts"), "smtpd_tls_security_level": "may", "smtpd_tls_ask_ccert": "yes",
      "smtpd_tls_CAfile": "/etc/ssl/certs/ca-certificates.crt"})
case("certificates-of-all", "open", [("certificates", "/")],
     {**checked("permit_tls_clientcerts"), "smtpd_tls_security_level": "may", "smtpd_tls_ask_ccert": "yes",
      "relay_clientcerts": f"regexp:{HERE}/certificates", "smtpd_tls_fingerprint_digest": "sha256"},
     files={"certificates": "/^[0-9A-F:]+$/ x\n"})
# ---- two things of one request ----
LAX = {"smtpd_restriction_classes": "lax"}
SENDERS = {"senders": "boss@partner.test OK\n"}
BY_SENDER = f"check_sender_access hash:{HERE}/senders"
case("client-and-sender", "open", [("senders", "boss@")],
     {**checked(f"check_client_access cidr:{HERE}/clients"), **LAX, "lax": BY_SENDER},
     files={"clients": "# partners\n203.0.113.64/27 lax\n", **SENDERS}, hashed=["senders"])
case("client-and-greeting", "open", [("names", "gw.partner")],
     {**checked(f"check_client_access hash:{HERE}/clients"), **LAX, "lax": f"check_helo_access hash:{HERE}/names"},
     files={"clients": "203.0.113 lax\n", "names": "gw.partner.test OK\n"}, hashed=["clients", "names"])
case("sender-and-recipient", "open", [("roles", "postmaster@")],
     {**later(BY_SENDER), **LAX, "lax": f"check_recipient_access hash:{HERE}/roles"},
     files={"senders": "partner.test lax\n", "roles": "postmaster@ OK\n"}, hashed=["senders", "roles"])
case("name-and-sender", "open", [("senders", "boss@")],
     {**checked(f"check_client_access hash:{HERE}/clients"), **LAX, "lax": BY_SENDER},
     files={"clients": "partner.test lax\n", **SENDERS}, hashed=["clients", "senders"])
case("domain-and-its-user", "open", [("senders", "boss@")],
     {**checked(f"check_sender_access hash:{HERE}/domains"), **LAX, "lax": BY_SENDER},
     files={"domains": "partner.test lax\n", **SENDERS}, hashed=["domains", "senders"])
case("client-whose-class-refuses", "closed", main={**checked(f"check_client_access cidr:{HERE}/clients"), **LAX,
                                                   "lax": "reject_unauth_destination, permit"},
     files={"clients": "203.0.113.64/27 lax\n"})
case("clients-of-a-list-then-senders", "open", [("senders", "boss@")],
     {"smtpd_client_restrictions": f"permit_mynetworks, check_client_access cidr:{HERE}/clients, reject",
      **checked(BY_SENDER)},
     files={"clients": "203.0.113.64/27 OK\n", **SENDERS}, hashed=["senders"])
case("senders-of-a-list", "open", [("main.cf", "static:OK")],
     {"smtpd_sender_restrictions": f"permit_mynetworks, {BY_SENDER}, reject", **checked("check_helo_access static:OK")},
     files=SENDERS, hashed=["senders"])
case("senders-of-a-list-closed", "closed",
     main={"smtpd_sender_restrictions": f"permit_mynetworks, {BY_SENDER}, reject"}, files=SENDERS, hashed=["senders"])
case("clients-but-for-the-rest", "open", [("main.cf", "static:OK")],
     checked(f"check_client_access cidr:{HERE}/clients", "check_sender_access static:OK"),
     files={"clients": "203.0.113.64/27 DUNNO\n0.0.0.0/0 REJECT\n::/0 REJECT\n"})
case("nobody-but-mynetworks", "closed", main={"smtpd_client_restrictions": "permit_mynetworks, reject"})
# ---- clients that are not what the usual stranger is ----
BOGUS = "".join(f"{net} REJECT bogus\n" for net in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "2001:db8::/32"))
case("bogus-networks-first", "open", [("main.cf", "static:OK")],
     {"smtpd_client_restrictions": f"check_client_access cidr:{HERE}/bogus", **checked("check_sender_access static:OK")},
     files={"bogus": BOGUS})
case("bogus-networks-closed", "closed", main={"smtpd_client_restrictions": f"check_client_access cidr:{HERE}/bogus"},
     files={"bogus": BOGUS})
case("everybody-is-on-a-list", "unknown",
     main={"smtpd_client_restrictions": f"check_client_access pcre:{HERE}/all", **checked("check_sender_access static:OK")},
     files={"all": "/^[0-9]/ REJECT\n/[:]/ REJECT\n"})
case("middle-of-a-network", "open", [("clients", "203.0.112.0/22")], checked(f"check_client_access cidr:{HERE}/clients"),
     files={"clients": "203.0.112.0/24 REJECT\n203.0.115.0/24 REJECT\n203.0.114.0/24 REJECT\n203.0.112.0/22 OK\n"})
case("hole-in-a-hash", "open", [("clients", "203.0 OK")], checked(f"check_client_access hash:{HERE}/clients"),
     files={"clients": "203.0 OK\n203.0.0 REJECT\n203.0.255 REJECT\n203.0.128 REJECT\n"}, hashed=["clients"])
case("covered-network", "closed", main=checked(f"check_client_access cidr:{HERE}/clients"),
     files={"clients": "203.0.113.0/25 REJECT\n203.0.113.128/25 REJECT\n203.0.113.0/24 OK\n"})
case("negated-ends", "open", [("main.cf", "203.0.113.0/24")],
     {"mynetworks": "127.0.0.0/8\n  !203.0.113.0/30\n  !203.0.113.252/30\n  !203.0.113.128/30\n  203.0.113.0/24"})
case("name-over-ipv6", "open", [("clients", "partner.test")], checked(f"check_client_access hash:{HERE}/clients"),
     files={"clients": "partner.test OK\n"}, hashed=["clients"], options=["--address", "eth0=2001:db8:25::25/64"])
case("xclient-of-another-network", "open", [("main.cf", "xclient")],
     {"mynetworks": "10.0.0.0/8", "smtpd_authorized_xclient_hosts": "203.0.113.64/27"}, options=["--trusted", "10.0.0.0/8"])
# ---- what cannot be asked ----
case("odd-sender", "unknown", main=checked(f"check_sender_access inline:{{ {{ \"boss\"@partner.test = OK }}, a.test=REJECT }}"))
case("program-of-keys", "unknown", main={**checked(f"check_client_access cidr:{HERE}/clients"), **LAX,
                                         "lax": f"check_sender_access sqlite:{HERE}/senders"},
     files={"clients": "203.0.113.64/27 lax\n", "senders": "dbpath = /etc/postfix/db\nquery = SELECT 'OK'\n"})
case("certificates-by-pattern", "open", [("certificates", "/./")],
     {**checked(f"check_ccert_access regexp:{HERE}/certificates"), "smtpd_tls_security_level": "may",
      "smtpd_tls_ask_ccert": "yes", "smtpd_tls_fingerprint_digest": "sha256"},
     files={"certificates": "/./ OK\n"})
# ---- mistakes of operators ----
case("warned-and-not-refused", "open", [("main.cf", "check_recipient_access static:OK")],
     {"smtpd_relay_restrictions": "permit_mynetworks, warn_if_reject reject_unauth_destination",
      "smtpd_recipient_restrictions": "permit_mynetworks\n    check_recipient_access static:OK\n    reject_unauth_destination"})
case("default-authorities", "conditional", [("main.cf", "permit_tls_all_clientcerts")],
     {**checked("permit_tls_all_clientcerts"), "smtpd_tls_security_level": "may", "smtpd_tls_ask_ccert": "yes",
      "tls_append_default_CA": "yes"})
case("relay-for-a-pattern", "open", [("domains", "/\\.net$/")], {"relay_domains": f"regexp:{HERE}/domains"},
     files={"domains": "/^partner\\.test$/ x\n/\\.net$/ x\n"})
case("alias-of-an-outside-domain", "open", [("aliases", "outside.example.net any")],
     {"virtual_alias_maps": f"hash:{HERE}/aliases"}, hashed=["aliases"],
     files={"aliases": "outside.example.net anything\n@outside.example.net root@localhost\n"})
case("postscreen-passes-to-a-wider-one", "open", [("master.cf", "mynetworks=")],
     master="smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n  -o mynetworks=127.0.0.0/8,198.51.0.0/16\n"
            "dnsblog unix - - y - 0 dnsblog\ntlsproxy unix - - y - 0 tlsproxy\n")
case("pattern-then-greeting", "open", [("names", "gw.partner")],
     {**checked(f"check_sender_access pcre:{HERE}/senders"), "smtpd_restriction_classes": "vip lax",
      "vip": f"check_helo_access hash:{HERE}/names, lax", "lax": "reject_unknown_sender_domain"},
     files={"senders": "/@partner\\.test$/ vip\n", "names": "gw.partner.test OK\n"}, hashed=["names"])
case("greetings-by-pcre", "open", [("names", "gw")], checked(f"check_helo_access pcre:{HERE}/names"),
     files={"names": "/^localhost/ REJECT\n/^(mx|gw)[0-9]+\\.partner\\.test$/ OK\n"})
case("all-of-ipv6-by-a-mask", "open", [("main.cf", "2000::")],
     {"mynetworks": "127.0.0.0/8\n  [::1]/128\n  [2000::]/3"})
case("subdomains-by-parent", "open", [("senders", ".partner.test")],
     {**checked(f"check_sender_access hash:{HERE}/senders"), "parent_domain_matches_subdomains": ""},
     files={"senders": ".partner.test OK\n"}, hashed=["senders"])
case("proxied-table", "open", [("clients", "203.0.113")], checked(f"check_client_access proxy:hash:{HERE}/clients"),
     files={"clients": "203.0.113 OK\n"}, hashed=["clients"])
case("user-of-any-domain", "open", [("senders", "boss@")], checked(f"check_sender_access texthash:{HERE}/senders"),
     files={"senders": "boss@ OK\n"})
case("nobody-as-sender", "open", [("senders", "nobody")],
     {**checked(f"check_sender_access hash:{HERE}/senders"), "smtpd_null_access_lookup_key": "nobody"},
     files={"senders": "nobody OK\n"}, hashed=["senders"])
case("greetings-of-a-list", "open", [("main.cf", "check_sender_access static:OK")],
     {"smtpd_helo_required": "yes", "smtpd_helo_restrictions": f"check_helo_access pcre:{HERE}/names, reject",
      **checked("check_sender_access static:OK")}, files={"names": "/\\.partner\\.test$/ OK\n"})
case("senders-of-a-list-to-a-role", "open", [("roles", "postmaster@")],
     {"smtpd_sender_restrictions": f"check_sender_access hash:{HERE}/senders, reject",
      **checked(f"check_recipient_access hash:{HERE}/roles")},
     files={"senders": "partner.test OK\n", "roles": "postmaster@ OK\n"}, hashed=["senders", "roles"])
case("class-that-rejects-the-rest", "open", [("senders", "/@partner")],
     {**checked(f"check_client_access hash:{HERE}/clients"), "smtpd_restriction_classes": "lax",
      "lax": f"check_sender_access regexp:{HERE}/senders, reject"},
     files={"clients": "203.0.113.9 lax\n", "senders": "/@partner\\.test$/ OK\n"}, hashed=["clients"])
case("submission-through-a-parameter", "open", [("names", "scanner")],
     {"mua_relay": f"permit_sasl_authenticated, check_helo_access hash:{HERE}/names, reject"},
     master=SMTP + "submission inet n - y - - smtpd\n  -o smtpd_relay_restrictions=$mua_relay\n",
     files={"names": "scanner OK\n"}, hashed=["names"])
case("conditions-of-a-cidr", "open", [("clients", "203.0.113.7")], checked(f"check_client_access cidr:{HERE}/clients"),
     files={"clients": "if 203.0.113.0/24\n203.0.113.7 OK\nendif\n"})
case("all-but-a-cidr", "open", [("clients", "!10.0.0.0/8")], checked(f"check_client_access cidr:{HERE}/clients"),
     files={"clients": "!10.0.0.0/8 OK\n"})
case("relay-list-then-recipients", "open", [("senders", "boss@")],
     {"smtpd_relay_restrictions": f"permit_mynetworks, check_client_access cidr:{HERE}/clients, reject_unauth_destination",
      "smtpd_recipient_restrictions": f"permit_mynetworks, check_sender_access hash:{HERE}/senders, reject"},
     files={"clients": "203.0.113.64/27 OK\n", "senders": "boss@partner.test OK\n"}, hashed=["senders"])
# Postfix takes no permission from a name that only the client's network vouches for.
case("reverse-name-to-a-class", "closed",
     main={**checked(f"check_reverse_client_hostname_access hash:{HERE}/clients"), "smtpd_restriction_classes": "lax",
           "lax": "permit"}, files={"clients": "partner.test lax\n"}, hashed=["clients"])
case("sender-then-client", "open", [("clients", "203.0.112.0/22")],
     {**checked(f"check_sender_access regexp:{HERE}/senders"), **LAX, "lax": f"check_client_access cidr:{HERE}/clients, reject"},
     files={"senders": "/@partner\\.test$/ lax\n", "clients": "203.0.112.0/24 REJECT\n203.0.112.0/22 OK\n"})
case("policy-with-a-default", "conditional", [("main.cf", "check_policy_service")],
     checked("check_policy_service { inet:127.0.0.1:10031, default_action=OK }"))
case("brackets-in-static", "open", [("main.cf", "static:{OK}")], checked("check_helo_access static:{OK}"))
# ---- idioms of Postfix's own manuals, of containers, and of tables that came from elsewhere ----
case("tables-by-a-prefix", "open", [("clients", "203.0.113")],
     {"indexed": "${default_database_type}:${config_directory}/", **checked("check_client_access ${indexed}clients")},
     files={"clients": "10 REJECT\n203.0.113 OK\n"}, hashed=["clients"])
case("network-by-a-condition", "open", [("main.cf", "${office?")],
     {"mynetworks": "127.0.0.0/8\n  ${office?198.51.100.0/24}", "office": "yes"})
case("network-by-a-condition-that-is-not-so", "closed", main={"mynetworks": "127.0.0.0/8\n  ${office?198.51.100.0/24}"})
case("number-for-ok", "open", [("senders", "partner.test")], checked(f"check_sender_access hash:{HERE}/senders"),
     files={"senders": "spam.test 550 no\npartner.test 1\n"}, hashed=["senders"])
case("actions-in-a-row", "open", [("senders", "partner.test")], checked(f"check_sender_access hash:{HERE}/senders"),
     files={"senders": "spam.test REJECT\npartner.test reject_non_fqdn_sender, permit\n"}, hashed=["senders"])
case("clients-without-a-name", "open", [("clients", "unknown")], checked(f"check_client_access hash:{HERE}/clients"),
     files={"clients": "spam.test REJECT\nunknown OK\n"}, hashed=["clients"])
case("prefix-in-a-hash", "closed", main={"mynetworks": f"127.0.0.0/8 hash:{HERE}/nets"},
     files={"nets": "203.0.113.0/24 x\n0.0.0.0/0 x\n"}, hashed=["nets"])
case("exception-after-the-rule", "open", [("main.cf", "0.0.0.0/0")],
     {"mynetworks": "127.0.0.0/8\n  0.0.0.0/0\n  !198.51.100.0/24"})
case("networks-of-a-class", "open", [("main.cf", "mynetworks_style")], {"mynetworks": None, "mynetworks_style": "class"},
     options=["--address", "eth0=192.0.2.25/32", "--trusted", "192.0.2.25/32"])
case("ipv6-prefix-in-a-hash", "open", [("clients", "2001:db8:7")], checked(f"check_client_access hash:{HERE}/clients"),
     files={"clients": "spam.test REJECT\n2001:db8:7 OK\n"}, hashed=["clients"])
case("lists-of-recipients", "open", [("roles", "/^list-")], later(f"check_recipient_access pcre:{HERE}/roles"),
     files={"roles": "/@spam\\.test$/ REJECT\n/^list-[a-z]+@/ OK\n"})
case("table-with-carriage-returns", "open", [("clients", "203.0.113.0/24")], checked(f"check_client_access cidr:{HERE}/clients"),
     files={"clients": "10.0.0.0/8 REJECT\r\n203.0.113.0/24 OK\r\n"})
case("refusals-for-now", "open", [("main.cf", "198.51.100.0/24")],
     {"mynetworks": "127.0.0.0/8\n  198.51.100.0/24", "soft_bounce": "yes"})
case("refusals-for-now-closed", "closed", main={"soft_bounce": "yes", "relay_domains_reject_code": "450"})
case("own-destinations-then-reject", "closed",
     main={"smtpd_relay_restrictions": "permit_mynetworks, permit_auth_destination, reject"})
case("permit-then-the-check", "closed", main={"smtpd_relay_restrictions": "permit",
                                              "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination"})
case("log-in-a-container", "open", [("main.cf", "198.51.100.0/24")],
     {"mynetworks": "127.0.0.0/8\n  198.51.100.0/24", "maillog_file": "/var/log/postfix.log"},
     master=SMTP + "postlog unix-dgram n - n - 1 postlogd\n")
case("log-without-postlogd", "open", [("main.cf", "198.51.100.0/24")],
     {"mynetworks": "127.0.0.0/8\n  198.51.100.0/24", "maillog_file": "/dev/stdout"})
case("debugged-peers", "open", [("clients", "203.0.113")],
     {"debug_peer_list": "192.0.2.1", "debug_peer_level": "3", **checked(f"check_client_access hash:{HERE}/clients")},
     files={"clients": "10 REJECT\n203.0.113 OK\n"}, hashed=["clients"])
case("encryption-is-demanded", "open", [("main.cf", "198.51.100.0/24")],
     {"mynetworks": "127.0.0.0/8\n  198.51.100.0/24", "smtpd_tls_security_level": "encrypt"})
case("listener-of-one-address", "open", [("master.cf", "static:OK")],
     master="127.0.0.1:smtp inet n - y - - smtpd\n  -o smtpd_client_restrictions=permit\n"
            "192.0.2.25:smtp inet n - y - - smtpd\n  -o smtpd_relay_restrictions=check_client_access,static:OK,reject\n")
case("wrapped-in-tls", "open", [("master.cf", "static:OK")],
     master=SMTP + "465 inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=yes\n"
     "  -o { smtpd_relay_restrictions = check_sender_access static:OK, reject }\n")
# Nothing makes a key of one table out of an answer of another: said, and not taken for closed.
case("table-of-a-table", "unknown",
     main=checked(f"check_sender_access pipemap:{{texthash:{HERE}/first,texthash:{HERE}/second}}"),
     files={"first": "partner.test vip\n", "second": "spam REJECT\nvip OK\n"})
