"""The inputs that the fuzzers start from: replies of real servers, answers of a real resolver, the
shipped configuration, and addresses in the forms that servers are told.

seeds(NAME) yields octets in the form that tests/fuzz/fuzz_NAME.c takes apart.
"""

import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def rows(*names):
    """The rows of tables of the unit tests."""
    for name in names:
        with open(os.path.join(ROOT, "tests/unit", name), encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    yield line.rstrip("\n").split("\t")


def fields(*texts):
    return b"\0".join(text.encode() for text in texts)


def reply_octets(code, text):
    lines = text.split("\\n")
    return "".join(f"{code}{' ' if at == len(lines) - 1 else '-'}{line}\r\n"
                   for at, line in enumerate(lines)).encode()


def replies():
    for row in rows("replies.tsv", "replies-more.tsv", "replies-held-out.tsv"):
        yield reply_octets(row[0], row[1])


EHLO = (b"250-mx.example.org Hello outside [198.51.100.7]\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n"
        b"250-ETRN\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250-AUTH=PLAIN LOGIN\r\n"
        b"250-XCLIENT NAME ADDR PROTO HELO\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
GREETING = b"220 mx.example.org ESMTP Postfix (Debian/GNU)\r\n"


def reply_seeds():
    for octets in replies():
        yield b"\x06" + octets
    yield b"\x00" + GREETING + EHLO
    yield b"\x10" + EHLO[:-2] + b"\n250 one too many\r\n"
    yield b"\x03250-one\r\n251 another\r\n"
    yield b"\xff" + b"250-more\r\n" * 140
    yield b"\xff" + b"2" * 4200
    yield b"\x01220 nul\0and\x1b[31mcolour\r\n"


def outcome_seeds():
    for at, octets in enumerate(replies()):
        envelope = fields("203.0.113.7", "<a@site.test>", "<b@outside.test>", "")
        yield bytes([at % 4]) + envelope + octets
    yield b"\x03" + fields("2001:db8::7", "<>", "<relay@relay.example.net>", "") + (
        b"550 5.7.1 <relay@relay.example.net>: [IPv6:2001:db8::7] is not welcome\r\n")


def dns_packets():
    with open(os.path.join(HERE, "dns.txt"), encoding="ascii") as file:
        for line in file:
            if not line.startswith("#"):
                kind, _, octets = line.split()
                yield kind, bytes.fromhex(octets)


def dns_seeds():
    kinds = {"MX": 0, "PTR": 2, "TXT": 3, "A": 4, "AAAA": 5}
    packets = list(dns_packets())
    for at, (kind, octets) in enumerate(packets):
        yield bytes([kinds[kind] + 6 * (at % 4), 0, 0]) + octets
    ipv4 = [octets for kind, octets in packets if kind == "A"]
    ipv6 = [octets for kind, octets in packets if kind == "AAAA"]
    for delivery in range(4):
        for one, other in zip(ipv4, ipv6):
            yield bytes([1 + 6 * delivery]) + len(one).to_bytes(2, "big") + one + other
    alias = next(octets for kind, octets in packets if kind == "A" and b"alias" in octets)
    yield bytes([1, 0, 0]) + alias[:2] + b"\x83" + alias[3:40]  # cut short, and says so


def names_seeds():
    banners = ["mx.example.org ESMTP Postfix (Debian/GNU)", "mx.example.org ESMTP Exim 4.96 Sun",
               "mx ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian-2; Sun", "mx ESMTP Haraka/2.8.28 ready",
               "mx Microsoft ESMTP MAIL Service, Version: 6.0.3790", "mx ESMTP OpenSMTPD"]
    for at, row in enumerate(rows("hostnames.tsv", "hostnames-more.tsv")):
        yield fields(row[1], row[0], banners[at % len(banners)])
    for answer in ("127.0.0.2", "127.0.0.10", "127.255.255.254", "203.0.113.9"):
        yield fields(answer, "key.zen.dq.spamhaus.net", "mx")
        yield fields(answer, "dnsbl.example.net", "mx")


def address_seeds():
    yield fields("192.0.2.1", "[192.0.2.1]", "192.0.2.0/24", "10.0.0.0/8", "10.0.0.1/8")
    yield fields("2001:db8::1", "[IPv6:2001:db8::1]", "2001:db8::/32", "2001:db8::/127", "::1/128")
    yield fields("::ffff:10.0.0.0/104", "::ffff:192.0.2.1", "::/0", "0.0.0.0/0", "::ffff:0:0/95")
    yield fields("127.0.0.0/8", "128.0.0.0/1", "0.0.0.0/1", "255.255.255.255", "0.0.0.0")
    yield fields("[2001:db8::]/33", "fe80::1%eth0", "192.0.2.01", "192.0.2.0/024", "[::1]")


ADDRESSES = [
    "<b@outside.example.net>", "<>", "<postmaster>", "<PostMaster@example.org>", "root",
    "<b%outside.example.net@example.org>", "<outside.example.net!b>", "<b@[203.0.113.25]>",
    "<@example.org,@a.test:b@outside.example.net>", '<"b@outside.example.net"@example.org>',
    '<"b@outside.example.net">', "<b@outside.example.net@example.org>", "<b@example.org@>",
    "<b@\u00e9xample.org>", "<b@xn--xample-9ua.org>", "<b@[IPv6:2001:db8::25]>", "<(x)postmaster>",
    '<"post\\master">', "<b@example.org.>", "<b@ss.example.test>", '<"unclosed@example.org>',
]


def domain_seeds():
    for address in ADDRESSES:
        yield fields(address.strip("<>").rpartition("@")[2], address)
    yield fields("Example.ORG.", ".example.org")
    yield fields("b\u00fccher.example.org", "B\u00dcCHER.example.org")
    yield fields("stra\u00dfe.test", "strasse.test")
    yield fields("[IPv6:2001:DB8::1]", "[192.0.2.1]")
    yield fields("a" * 63 + ".test", "a" * 64 + ".test")


def milter_seeds():
    meanings = [("local", "", "root"), ("smtp", "outside.example.net", "b@outside.example.net"),
                ("error", "5.7.1", "Relay access denied"), ("error", "4.7.1", "Try again"),
                ("error", "5.1.1 User unknown in virtual alias table", "b@va.example.net"),
                ("relay", "[10.0.0.9]", "b@example.org"), ("esmtp", "outside.example.net.", ""),
                ("virtual", "", "b@[203.0.113.25]"), ("", "", "")]
    for at, address in enumerate(ADDRESSES):
        mailer, host, resolved = meanings[at % len(meanings)]
        yield fields("198.51.100.7", "203.0.113.25", "client.example.net", "<a@example.net>",
                     address, mailer, host, resolved, "4XyZ", "", "", "")
        yield fields("192.0.2.3", "2001:db8::25", "[198.51.100.7]", ADDRESSES[-1 - at], address,
                     mailer, host, address.strip("<>"), "", "PLAIN", "ann", "partner.example.org")
    for digits in (40, 46, 47, 48):  # round the longest literal that there is
        yield fields("198.51.100.7", "2001:db8::25", "c", "<a@example.net>",
                     "<b@[IPv6:" + "0" * digits + "]>", "local", "", "", "", "", "", "")
    yield fields("", "", "\u202ehelo\x1b[31m", "<\u2028>", "<b\x01@example.org>", "local", "", "", "",
                 "ANONYMOUS", "anonymous", "x")


def conf_seeds():
    with open(os.path.join(ROOT, "conf/relaywarden.conf"), "rb") as file:
        text = file.read()
    for program in (b"\0", b"\1"):
        yield program + text
    lines = [line for line in text.split(b"\n") if line.strip() and not line.strip().startswith(b"#")]
    yield b"\1" + b"\n".join(lines)
    yield b'\0site { domains = { "example.org" } # one\n trusted_networks = { "10.0.0.1/8" } }\n'
    yield b'\1site{domains={"example.org",".example.test"}}probe{canary="c@outside.example.net"\n' \
          b'target "mx" {domain="example.org" ports={25,465} tls=auto}\n/* two\n lines */}\n'
    yield b"\1site { domains = { 'example.org' }\n"
    yield b"\0/* unclosed\n"
    yield b"\0token_key_file = \"${HOME}\"\nsocket_mode = 0999\nunknown = { 1, 2 }\n"


def vectors():
    """The test vectors of lib/tokens.md, by name."""
    with open(os.path.join(ROOT, "lib/tokens.md"), encoding="utf-8") as file:
        return {words[0]: words[1] for words in (line.split(None, 1) for line in file)
                if len(words) == 2 and "." in words[0]}


def token_seeds():
    known = {name: text.strip() for name, text in vectors().items()}
    asks = [text for name, text in known.items() if name.endswith(".recipient")]
    replies_known = [text for name, text in known.items() if name.endswith(".text")]
    hello = known["hello.path"]
    for at, text in enumerate(replies_known):
        for choice in range(3):
            yield fields(hello, asks[at % len(asks)], f"550 5.7.1 {text} {choice}",
                         "outside.example.net", "") + bytes(range(choice, choice + 90))
    yield fields(hello.upper(), asks[0].upper(), "rwo1,rwo1,hello,mac=", "MX.example.org", "")
    yield fields(hello[:-8], asks[0][:12], replies_known[0][:-3], "", "") + b"\xff" * 90


def dialogue_seeds():
    """Acts by number, times two for the first connection; fuzz_dialogue.c has their table."""
    go, greeting, ehlo, tls, ok, two, no, no_two = 100, 0, 2, 4, 6, 8, 10, 12
    grey, closing, sender, plain_ehlo, octets, fail, time = 14, 16, 18, 20, 30, 32, 34
    start = [go, greeting, ehlo]
    both = [no_two, no_two + 1]
    for head in ((0, 0), (4, 1), (8, 4), (1, 8), (3, 0xF0), (2, 2)):
        yield bytes([*head, *start, *both * 60])
        yield bytes([*head, *start, *[two, ehlo, no_two] * 40])
        yield bytes([*head, *start, *[ok, no, ok] * 60])
        yield bytes([*head, *start, *[ok, no, no_two, no_two + 1, go + 1, greeting + 1, ehlo + 1] * 30])
    yield bytes([0, 0, go, greeting, tls, ok, go, ehlo, *both * 40])
    yield bytes([3, 0, go, go, greeting, ehlo, *both * 40])
    yield bytes([0, 0, *start, no_two, grey, time, 50, closing, go, greeting, 22, plain_ehlo, ok, no])
    yield bytes([0, 0, *start, sender, ok, ok, no, fail, go, greeting, ehlo, no_two, time, 250, time, 250])
    xclient, welcome, again = 24, 28, 36
    yield bytes([0, 0, *start, *[ok, grey] * 30, again, *start, *both * 30])
    yield bytes([0, 0, go, greeting, xclient, *both * 30])
    yield bytes([0, 0, go, greeting, xclient, *[two, greeting, xclient, no_two, welcome] * 30])
    yield bytes([0, 0, go, time, 31, go + 1, go, greeting + 1, ehlo + 1, *both * 30])
    yield bytes([0, 0, go, closing, go, greeting, ehlo, *both * 30])
    text = b"220-mx\r\n220 \x1b[31m\xffmx\r\n"
    yield bytes([0, 0, go, octets, len(text)]) + text + bytes([ehlo, ok, ok])


def seen_seeds():
    with open(os.path.join(ROOT, "tests/unit/snapshot-sample.json"), encoding="utf-8") as file:
        sample = json.load(file)

    def changed(**members):
        return json.dumps({**sample, **members}, separators=(",", ":")).encode()

    for age in (0, 1, 120, 255):
        yield bytes([age]) + changed()
    yield b"\0" + changed(incidents=None, state="stopped")
    yield b"\0" + changed(incidents={"open_count": 0, "open": [], "ended": []}, later={"x": ["y"]})
    yield b"\0" + changed(undeclared_domains=[f"d{at}.test" for at in range(17)])
    yield b"\0" + changed(host="<b>&\"'\u00e9", socket="a\u202e\u2028\x1b[2J")
    yield b"\0" + changed(format=2)
    yield b"\0" + changed(written="1970-01-01T00:00:01Z", started="9999-12-31T23:59:59Z")
    yield b"\0" + changed()[:-9]


def printable_seeds():
    yield b"\x20plain text \\ with a backslash"
    yield b"\x05" + "\u00e9\u20ac\U0001f600\u202e\u2028\u0085".encode()
    yield b"\x3f\x00\x1b[31m\x7f\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82"
    yield b"\x07\xc2\x9b31m\xe2\x80\x8f\xef\xbf\xbf"


def cf_seeds():
    yield (b"# a main.cf\ncompatibility_level = 3.6\nmynetworks = 127.0.0.0/8\n  # ours\n"
           b"  [::1]/128, $more\nmore=hash:/etc/postfix/x\n"
           b"smtpd_relay_restrictions =\n check_sender_access inline:{ a=OK, { b = OK } },\n"
           b" ${x?{permit}:{reject}}\n")
    yield (b"smtp inet n - y - - smtpd\n -o a=b -o { c = d e } -ox=y\n# z\n  -v\n"
           b"pickup unix n - y 60 1 pickup\n")
    yield b"198.51.100\tOK\n\"a key\" REJECT\n/^gw\\.partner\\.test$/ OK\n10.0.0.0/8 OK\n"


def exim_seeds():
    yield (b"# ours\nNETS = 10.0.0.0/8 : \\\n   # between\n  ::::1\nhostlist relay_from_hosts = <; NETS ; x\n"
           b"log_file_path = /x\nbegin acl\nacl_r:\n  .ifdef A\n  accept !hosts = +relay_from_hosts\n"
           b"    .ifndef B\n    domains = a\n    .endif\n  .endif\n  warn delay = 5s\n  deny ratelimit = 1 / 1h\n")
    yield (b"#########\n# split config files in the x\n#########\n"
           b"#####################################################\n### /etc/exim4/conf.d/main/01\n"
           b"#####################################################\nUPEX4CmacrosUPEX4C = 1\n"
           b"##############################################\nMAIN_RELAY_NETS=x\n"
           b"##############################################\n### end /etc/exim4/conf.d/main/01\n")
    yield (b"14 SMTP<< RCPT TO:<c@x.test>\n14 using ACL \"r\"\n14 processing \"accept\" (/e 11)\n"
           b"14 internal_search_find: file=\"/f\"\n14   type=lsearch key=\"k\" opts=NULL\n14 lookup yielded: y\n"
           b"14 host in \"lsearch;/f\"? yes (matched \"lsearch;/f\")\n14 host in \"+l\"? yes (matched \"+l\" - cached)\n"
           b"14 x in \"/s\"? yes (matched \"y\" in /s)\n14 u router generated a@b\n"
           b"14 accept: condition test succeeded in ACL \"r\"\n14 SMTP>> 250 Accepted\n")


def trace_seeds():
    folder = os.path.join(ROOT, "tests/unit/traces")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            yield b"canary@outside.example.net\0" + file.read()[:12000]


def http_seeds():
    for line in ("GET /probe?target=mx HTTP/1.1", "HEAD /probe?a=b&target=%6dx+1 HTTP/1.0", "POST / HTTP/1.1",
                 "GET http://localhost:80/endpoint/203.0.113.25%3A25%2Fauto%20example.org HTTP/1.1",
                 "GET //probe HTTP/1.1", "OPTIONS * HTTP/1.1", "GET /% HTTP/1.1", "GET / HTTP/2.0"):
        for host in ("localhost", "[::1]:9825", "status.example.org.", "evil.test", "203.0.113.25"):
            yield b"\x07" + f"{line}\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode()
    yield b"\x01\r\nGET /probe?target=mx HTTP/1.0\n\n"
    yield b"\xffGET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n"
    yield b"\x20GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n"


STORED = ('{"why":"a stranger may send","fix":[{"mta":"postfix","text":"set x"},{"mta":null,"text":"y"}],'
          '"fields":[["target",1,"mx"],["listener",4,"203.0.113.25:25"]]}')


def state_seeds():
    for numbers in (b"\x07" * 16, bytes(range(16)), b"\x02\x04\x05" * 5 + b"\x09"):
        for finding in (STORED, "{}", '{"why":"\\u001b[2J","fix":"old","fields":[]}', '{"why":"w","fix":"old","fields":[]}'):
            yield numbers + fields("0123456789abcdef", "open-relay", "203.0.113.25:25/starttls relay",
                                   "203.0.113.25:25/starttls", finding, "192.0.2.7", "00112233", "203.0.113.25:25")
    yield bytes(16) + fields("\x1b]0;x\x07", "nothing", "k", "f", "[", "2001:db8::7", "zz", "a\u202eb")


def seeds(name):
    """[] for a fuzzer that needs none."""
    maker = globals().get(f"{name}_seeds")
    return list(maker()) if maker else []
