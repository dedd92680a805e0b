"""--discover: what an MTA takes as its own, as a configuration that can be adopted."""

import os

import pytest

from lab import Config, Dns, Milter, Postfix, Sendmail, program
from lab.config import write_text


@pytest.fixture(scope="module")
def postfix(shared_lab):
    made = Postfix(shared_lab, shared_lab.host("mx"))
    made.plain = dict(made.main)
    return made


def discover(postfix, where=None, env=None):
    where = postfix.etc if where is None else where
    return postfix.host.run([program("relaywarden-milter"), "--discover" + (where and "=" + where)],
                            check=False, env=env or postfix.programs.environment())


def written(postfix, **main):
    """Postfix's files with these settings, and what is discovered of them."""
    postfix.main = {**postfix.plain, **main}
    postfix.write()
    done = discover(postfix)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def lists(text):
    """The lists of a configuration: name to set of values."""
    found, name = {}, None
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.endswith("= {") or line.endswith("= { }"):
            name = line.split()[0]
            found[name] = set()
        elif line.startswith('"'):
            found[name].add(line.rstrip(",").strip('"'))
    return found


def test_what_is_printed_passes_the_check_when_it_is_adopted(postfix):
    text = written(postfix, relay_domains="relayed.test", parent_domain_matches_subdomains="")
    path = write_text(os.path.join(postfix.folder, "adopted.conf"), text)
    done = postfix.host.run([program("relaywarden-milter"), "-t", "--config", path], check=False)
    assert done.returncode == 0, done.stderr
    assert lists(text) == {
        "domains": {"example.org", "localhost", "relayed.test"},
        "trusted_networks": {"127.0.0.0/8", "::1/128"},
        "own_mailers": {"local", "virtual", "relay"}}


def test_it_says_where_each_line_comes_from_and_that_it_is_to_be_read(postfix):
    text = written(postfix, relay_domains="relayed.test")
    assert '"relayed.test"  # relay_domains' in text.replace(",", "")
    assert "mistakes included" in text
    assert f"Postfix ({postfix.etc})" in text


def remarks(text):
    """Network to the remark beside it."""
    return {line.split('"')[1]: line.split("CAREFUL: ")[1] for line in text.splitlines()
            if "CAREFUL: " in line}


# Further addresses of the host, with their neighbours, and what Postfix's styles make of them.
MORE = ["203.0.113.200/24", "192.0.2.9/28", "2001:db8:113:1::7/64"]


@pytest.fixture
def neighbours(postfix):
    for address in MORE:
        postfix.host.run(["ip", "address", "add", address, "dev", "lo"])
    yield
    for address in MORE:
        postfix.host.run(["ip", "address", "del", address, "dev", "lo"])


@pytest.mark.parametrize("style, networks", [
    ("subnet", {"203.0.113.0/24": "203.0.113.200", "192.0.2.0/28": "192.0.2.9",
                "2001:db8:113:1::/64": "2001:db8:113:1::7"}),
    ("class", {"203.0.113.0/24": "203.0.113.25", "192.0.2.0/24": "192.0.2.9"}),
    ("host", {})])
@pytest.mark.usefixtures("neighbours")
def test_a_style_that_trusts_the_neighbours_is_said_beside_its_networks(postfix, style, networks):
    main = {**postfix.plain, "mynetworks_style": style}
    main.pop("mynetworks")
    postfix.main = main
    postfix.write()
    text = discover(postfix).stdout
    found = remarks(text)
    assert {**found, **networks}.keys() == found.keys()
    assert style != "host" or not found
    for network, own in networks.items():
        assert network in lists(text)["trusted_networks"]
        assert own in found[network] and "its neighbours may relay" in found[network]


def test_a_providers_network_is_said_beside_it_and_a_private_one_is_not(postfix):
    text = written(postfix, mynetworks="127.0.0.0/8 10.0.0.0/8 198.51.96.0/20 203.0.113.25/32 "
                                       "192.0.2.0/28 [2001:db8:51::]/64")
    assert set(remarks(text)) == {"198.51.96.0/20", "192.0.2.0/28", "2001:db8:51::/64"}
    assert remarks(text)["198.51.96.0/20"].startswith("public, 4096 addresses, none of them")
    assert lists(text)["trusted_networks"] == {
        "127.0.0.0/8", "10.0.0.0/8", "198.51.96.0/20", "203.0.113.25/32", "192.0.2.0/28",
        "2001:db8:51::/64"}
    path = write_text(os.path.join(postfix.folder, "careful.conf"), text)
    done = postfix.host.run([program("relaywarden-milter"), "-t", "--config", path], check=False)
    assert done.returncode == 0, done.stderr


def test_tables_and_files_are_read(postfix):
    boxes = postfix.table("boxes", {"box.test": "x", "second.test": "y"})
    listed = postfix.file("relayed", "one.test\n# a comment\ntwo.test three.test\n")
    aliases = postfix.table("aliases", {"va.test": "x", "u@va.test": "u@example.org", "root": "u"})
    postfix.table("map", {"h.test": "x"}, kind="hash")
    postfix.command("postmap", "hash:" + os.path.join(postfix.etc, "map"))
    text = written(postfix, virtual_mailbox_domains=boxes + ", inline:{ {in.test = x}, line.test=y}",
                   relay_domains=f"{listed} proxy:hash:{postfix.etc}/map",
                   virtual_alias_maps=aliases, parent_domain_matches_subdomains="")
    assert lists(text)["domains"] == {
        "example.org", "localhost", "box.test", "second.test", "in.test", "line.test", "one.test",
        "two.test", "three.test", "h.test", "va.test"}


def test_subdomains_that_relay_domains_takes_too_are_listed(postfix):
    text = written(postfix, relay_domains="relayed.test",
                   parent_domain_matches_subdomains="relay_domains")
    assert {"relayed.test", ".relayed.test"} <= lists(text)["domains"]


def test_what_cannot_be_listed_or_adopted_is_said(postfix):
    some = postfix.file("some", "/\\.second\\.test$/ x\n")
    text = written(postfix, relay_domains=f"regexp:{some}", mydestination="example.org, bad_..name,"
                   " [203.0.113.25]", mynetworks="127.0.0.0/8 0.0.0.0/0 !192.0.2.1 192.0.2.0/24")
    assert lists(text)["domains"] == {"example.org"}
    assert lists(text)["trusted_networks"] == {"127.0.0.0/8", "192.0.2.0/24"}
    assert "relay" in lists(text)["own_mailers"]
    for said in (f"# regexp:{some}: its entries cannot be listed", "# bad_..name: left out",
                 "# 0.0.0.0/0: LEFT OUT", "# !192.0.2.1: an exception"):
        assert said in text


@pytest.mark.parametrize("kind, entries", [
    ("static", "all"), ("proxy:static", "all"), ("regexp", "/./ OK\n"),
    ("regexp", "!/^example\\.org$/ OK\n"), ("proxy:regexp", "/\\./ x\n")])
def test_a_table_that_matches_every_domain_is_said_plainly(postfix, kind, entries):
    what = "all" if entries == "all" else postfix.file("catch-all", entries)
    text = written(postfix, relay_domains=f"relayed.test {kind}:{what}",
                   transport_maps="inline:{relayed.test=relay:[192.0.2.2]}")
    assert f"# {kind}:{what}: IN relay_domains, THIS TABLE MATCHES EVERY DOMAIN: the MTA relays " \
        "mail from everybody to everywhere\n" in text
    assert lists(text)["own_mailers"] == {"local", "virtual"}
    assert "# relay: left out as a mailer" in text


def test_a_table_that_matches_everything_is_said_of_other_lists_too(postfix):
    text = written(postfix, virtual_mailbox_domains="static:all",
                   mynetworks="127.0.0.0/8 cidr:{{0.0.0.0/0 OK}}")
    assert "# static:all: THIS TABLE MATCHES EVERY DOMAIN: the MTA takes all mail" in text
    assert "THIS TABLE MATCHES EVERY CLIENT: the MTA lets everybody relay" in text
    assert lists(text)["trusted_networks"] == {"127.0.0.0/8"}
    assert "relay" in lists(text)["own_mailers"]


def test_a_mailer_that_others_mail_goes_by_is_no_own_mailer(postfix):
    text = written(postfix, default_transport="relay:[192.0.2.1]", relay_domains="relayed.test",
                   virtual_transport="lmtp:unix:private/lmtp",
                   transport_maps="inline:{relayed.test=backend:[192.0.2.2], other.test=uucp:x}")
    assert lists(text)["own_mailers"] == {"local", "lmtp", "backend"}
    assert "# relay: left out as a mailer" in text


def test_the_environment_names_the_instance(postfix):
    written(postfix)
    done = discover(postfix, "", env={**postfix.programs.environment(), "MAIL_CONFIG": postfix.etc})
    assert "example.org" in lists(done.stdout)["domains"]


def test_hostile_text_in_the_settings_stays_a_comment(postfix):
    text = written(postfix, mydestination="example.org, x\x1b[2J\u202e\\\"}")
    assert "\x1b" not in text and "\u202e" not in text
    assert lists(text)["domains"] == {"example.org"}


@pytest.mark.parametrize("where, code", [("/nonexistent", 66), ("/etc", 69)])
def test_what_is_no_mta_is_said(postfix, where, code):
    done = discover(postfix, where)
    assert (done.returncode, done.stdout) == (code, "")
    assert where in done.stderr


def test_the_running_filter_takes_nothing_from_the_mta(postfix):
    """It is for a person: what is discovered changes no judgement."""
    written(postfix, mydestination="example.org, other.test")
    milter = Milter(postfix.lab, postfix.host, Config(), postfix=postfix)
    before = open(milter.path, encoding="utf-8").read()
    assert discover(postfix).returncode == 0
    assert open(milter.path, encoding="utf-8").read() == before


def test_without_a_domain_that_can_be_listed_the_rest_is_printed_and_explained(postfix):
    boxes = postfix.file("boxes", "/^example\\.org$/ x\n")
    postfix.main = {**postfix.plain, "mydestination": "", "virtual_mailbox_domains": f"regexp:{boxes}",
                    "mynetworks": "127.0.0.0/8 192.0.2.0/28"}
    postfix.write()
    done = discover(postfix)
    assert done.returncode == 65
    assert "takes mail for no domain that can be listed" in done.stderr
    assert f"# regexp:{boxes}: its entries cannot be listed" in done.stdout
    assert "tells postmap -q DOMAIN TABLE\n" in done.stdout
    assert "# No domain can be listed: name yours here.\n    domains = { }\n" in done.stdout
    assert lists(done.stdout)["trusted_networks"] == {"127.0.0.0/8", "192.0.2.0/28"}
    # It is adopted once somebody has done that.
    text = done.stdout.replace("domains = { }", 'domains = { "example.org" }')
    path = write_text(os.path.join(postfix.folder, "adopted.conf"), text)
    checked = postfix.host.run([program("relaywarden-milter"), "-t", "--config", path], check=False)
    assert checked.returncode == 0, checked.stderr


# ---- Sendmail ----

@pytest.fixture(scope="module")
def sendmail(shared_lab):
    Dns(shared_lab, records=[("sender.example.net", "A", "198.51.100.7")]).start()
    return Sendmail(shared_lab, shared_lab.host("mx"))


def of_sendmail(sendmail, code=0):
    done = sendmail.host.run(
        [program("relaywarden-milter"), "--discover=" + os.path.join(sendmail.etc, "sendmail.cf")],
        check=False, env={**os.environ, "PATH": ":".join([os.path.dirname(sendmail.binary),
                                                          os.environ["PATH"]])})
    assert done.returncode == code, done.stderr
    return done.stdout


ACCESS = {
    "To:partner.test": "RELAY", "second.test": "RELAY", "Connect:10.2": "RELAY", "192.0.2.16": "RELAY",
    "Connect:IPv6:2001:db8:7": "RELAY", "Connect:203": "RELAY", "Connect:clients.test": "RELAY",
    "To:invalid": "RELAY", "From:boss@example.org": "RELAY", "CERTIssuer:x": "RELAY", "Spam:y": "RELAY",
    "To:friend.test": "OK", "spammer.test": "REJECT", "Connect:10.3": "OK", "To:strange..name": "RELAY"}


@pytest.mark.parametrize("kind", ["hash", "btree"])
def test_sendmails_access_map_is_read(sendmail, kind):
    sendmail.table("access", ACCESS, kind=kind)
    sendmail.relay, sendmail.local = [], ["example.org"]
    sendmail.features = [f"access_db', `{kind} -T<TMPF> {sendmail.etc}/access"]
    sendmail.write()
    text = of_sendmail(sendmail)
    found = lists(text)
    assert found["domains"] == {
        "example.org", "localhost", "mx.example.org", "partner.test", ".partner.test", "second.test",
        ".second.test"} | {name for name in found["domains"] if name.startswith("mx")}
    assert found["trusted_networks"] == {"127.0.0.0/8", "::1/128", "10.2.0.0/16", "192.0.2.16/32",
                                         "2001:db8:7::/48"}
    assert '"partner.test"  # access map' in text.replace(",", "")
    for said in ("# 203.0.0.0/8: LEFT OUT",
                 "# access map Connect:clients.test: clients whose host names end so may relay",
                 "# access map second.test: clients whose host names end so may relay",
                 "# access map To:invalid: LEFT OUT. The MTA relays mail from everybody to every domain",
                 "# access map From:boss@example.org: WHOEVER CLAIMS THIS SENDER MAY RELAY",
                 "# access map CERTIssuer:x: clients with such a certificate",
                 "# access map spam:y: it is RELAY; see to it by hand",
                 "# strange..name: left out, because it is no domain"):
        assert said in text, text
    assert "friend" not in text and "spammer" not in text and "10.3" not in text


def test_what_is_read_of_the_access_map_is_what_sendmail_does(sendmail):
    """The same entries, asked for by a stranger and by a client of a network that may relay."""
    host = sendmail.host
    sendmail.table("access", {**ACCESS, "Connect:192.0.2.20": "RELAY"})
    sendmail.local = ["example.org"]
    sendmail.features = [f"access_db', `hash -T<TMPF> {sendmail.etc}/access"]
    sendmail.start()
    stranger = sendmail.lab.host("outside")
    client = sendmail.lab.host("second", addresses=["192.0.2.20"])

    def ask(who, *recipients):
        replies = who.smtp(host.address, ["EHLO client.example.net", "MAIL FROM:<a@sender.example.net>",
                                          *[f"RCPT TO:<b@{name}>" for name in recipients], "QUIT"])
        return [reply.code for reply in replies[3:-1]]

    granted = ["partner.test", "sub.partner.test", "second.test", "a.b.second.test", "any.invalid"]
    assert ask(stranger, *granted) == [250] * 5
    assert ask(stranger, "friend.test", "elsewhere.test") == [550, 550]
    assert ask(client, "elsewhere.test", "friend.test") == [250, 250]
    sendmail.stop()


@pytest.mark.parametrize("made", [True, False])
def test_an_access_map_that_cannot_be_listed_is_said(sendmail, made):
    what = "ldap -T<TMPF> -1 -k (x=%0) -v y" if made else "hash -T<TMPF> /nonexistent/access"
    sendmail.features = [f"access_db', `{what}"]
    sendmail.write()
    text = of_sendmail(sendmail)
    kind = what.split()[0]
    assert f"# {kind}:" in text
    assert "the access map, whose entries cannot be listed; see to those that are RELAY by hand" in text
    assert "example.org" in lists(text)["domains"]


def test_sendmails_classes_are_read(sendmail):
    sendmail.features = []
    sendmail.local = ["example.org", "Second.TEST"]
    sendmail.relay = ["partner.test", "10.1", "192.0.2.7", "[2001:db8::25]", "IPv6:2001:db8:9"]
    sendmail.write()
    text = of_sendmail(sendmail)
    found = lists(text)
    assert {"example.org", "second.test", "mx.example.org", "partner.test", ".partner.test"} <= \
        found["domains"]
    assert found["trusted_networks"] == {"127.0.0.0/8", "::1/128", "10.1.0.0/16", "192.0.2.7/32",
                                         "2001:db8::25/128", "2001:db8:9::/48"}
    assert found["own_mailers"] == {"local"}
    path = write_text(os.path.join(sendmail.folder, "adopted.conf"), text)
    checked = sendmail.host.run([program("relaywarden-milter"), "-t", "--config", path], check=False)
    assert checked.returncode == 0, checked.stderr
