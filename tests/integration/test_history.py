"""relaywarden-probe report: what audits of real servers leave, as a page, as text and as JSON."""

import html.parser
import json
import os
import re
import stat

import pytest

from lab import Config, Postfix, Server, probe
from test_halves import CLOSED, Halves

VOID = {"meta", "rect", "line", "br"}
HOSTILE = "<script>alert(1)</script> & \"quoted\" 'too'"


class Page(html.parser.HTMLParser):
    """A page whose elements are all closed in their order: its text, elements and ids."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


class History:
    """Audits of a site whose three endpoints are hidden behind a gateway, closed and open."""

    def __init__(self, lab):
        lab.host("gateway")
        self.halves = Halves(lab, "mta", ["127.0.0.0/8", "172.22.0.0/16"])
        lab.nat(masquerade=True)
        self.outside = lab.host("outside")
        Postfix(lab, lab.host("gateway"), name="others", listen=(
            "203.0.113.25:2525",
            ("203.0.113.25:2526", {"mynetworks": "0.0.0.0/0"})),
            main={"smtpd_relay_restrictions": CLOSED, "in_flow_delay": "0s",
                  "smtpd_banner": "$myhostname ESMTP " + HOSTILE}).start()
        self.config = self.halves.config(
            targets={"mx": {"host": "203.0.113.25", "ports": [25, 2525, 2526]}})

    def check(self):
        return probe(self.outside, config=self.config)

    def report(self, *arguments, **keywords):
        keywords.setdefault("as_json", False)
        return probe(self.outside, *arguments, verb="report", config=self.config, **keywords)

    def page(self, name="report.html"):
        path = os.path.join(self.outside.folder, name)
        done = self.report("--html", path)
        assert (done.code, done.out, done.err) == (0, "", "")
        with open(path, encoding="utf-8") as file:
            return file.read(), path


@pytest.fixture
def history(lab):
    return History(lab)


def test_a_page_has_an_open_a_closed_and_a_hidden_endpoint(history):
    verdicts = {entry["port"]: entry["verdict"] for entry in history.check().report["endpoints"]}
    assert verdicts == {25: "open", 2525: "closed", 2526: "open"}
    text, path = history.page()
    page = Page(text)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    assert not [name for name in os.listdir(os.path.dirname(path)) if name.startswith("report.html.")]
    assert {entry["class"] for entry in page.all("article")} == {"open", "closed"}
    assert "Yes: 2 ✖ open" in page.text() and "1 ✔ closed" in page.text()
    assert "client-address-hidden" in page.text()
    assert "saw the probe as 172.22.1.1" in page.text()
    assert "masquerade" in page.text() and "mynetworks" in page.text()
    # Both open endpoints have an incident, in the table and under their lane.
    classes = [entry["class"] for entry in page.all("rect")]
    assert classes.count("incident") >= 2 and classes.count("open") == 2
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.elements}


def test_a_page_needs_nothing_else_and_takes_no_markup_from_servers(history):
    history.check()
    text, _ = history.page()
    page = Page(text)
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"script", "img", "link", "iframe", "object", "form", "base"})
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import|\son[a-z]+=", text)
    assert "<script>" not in text
    policy = [entry["content"] for entry in page.all("meta") if "http-equiv" in entry]
    assert policy == ["default-src 'none';style-src 'unsafe-inline'"]


def test_a_screen_reader_finds_headers_captions_and_labels(history):
    history.check()
    page = Page(history.page()[0])
    tables = len(page.all("table"))
    assert tables >= 6 and len(page.all("caption")) == tables
    assert all(entry.get("scope") in ("col", "row") for entry in page.all("th"))
    ids = [entry["id"] for _, entry in page.elements if "id" in entry]
    assert len(set(ids)) == len(ids)
    labels = [entry["aria-label"] for entry in page.all("div") if "aria-label" in entry]
    assert len(set(labels)) == len(labels) and "Posture" not in labels
    for _, entry in page.elements:
        assert set(entry.get("aria-labelledby", "").split()) <= set(ids)
        if entry.get("href"):
            assert entry["href"][1:] in ids
        if entry.get("class") == "scroll":
            assert (entry["role"], entry["tabindex"]) == ("region", "0") and entry["aria-label"]


def test_every_audit_counts_and_a_change_is_a_new_span(history):
    history.check()
    first = json.loads(history.report(as_json=True).out)
    assert [entry["history"][0]["audits"] for entry in first["endpoints"]] == [1, 1, 1]
    history.halves.lab.nat(masquerade=False)
    for _ in range(2):
        history.check()
    report = json.loads(history.report(as_json=True).out)
    by_port = {entry["last"]["port"]: entry for entry in report["endpoints"]}
    assert [span["verdict"] for span in by_port[25]["history"]] == ["open", "closed"]
    assert by_port[25]["history"][0]["cause"] == "client-address-hidden"
    assert [span["verdict"] for span in by_port[2526]["history"]] == ["open"]
    assert by_port[2526]["history"][0]["audits"] == 3
    ended = {row["subject"].split()[0]: row["ended"] for row in report["incidents"]
             if row["kind"] == "open-relay"}
    assert ended["203.0.113.25:25/none"] and ended["203.0.113.25:2526/none"] is None


def test_text_says_what_to_change(history):
    history.check()
    for arguments in ((), ("--text",)):
        done = history.report(*arguments)
        assert done.code == 0
        assert re.search(r"mx  203.0.113.25  203.0.113.25:2525\n  closed, since 2", done.out)
        assert re.search(r"203.0.113.25:25\n  open, client-address-hidden", done.out)
        assert "masquerade" in done.out and "incidents: " in done.out and "\033" not in done.out


def test_a_report_that_cannot_be_made_says_why(lab):
    outside = lab.host("outside")
    done = probe(outside, verb="report", as_json=False)
    assert done.code == 3 and "run relaywarden-probe check first" in done.err
    Server(lab.host("mx"), 25, lambda connection: connection.sendall(b"554 no\r\n"))
    config = Config(targets={"mx": {"host": "203.0.113.25"}})
    probe(outside, config=config)
    for path in ("/dev/null", "/nonexistent/report.html", outside.folder):
        done = probe(outside, "--html", path, verb="report", as_json=False, config=config)
        assert done.code == 3 and "name a regular file" in done.err, path
    done = probe(outside, "--text", verb="report", config=config)
    assert done.code == 3 and "exclude each other" in done.err
    done = probe(outside, "--text", config=config)
    assert done.code == 3 and "has no meaning for" in done.err
