"""The zoo: what its tables are made of, how a case is asked, and the table that a run prints."""

import collections
import time

from lab import Config, Dns, LabError, probe
from lab.dns import DEFAULT_RECORDS

Case = collections.namedtuple("Case", "title verdict cause how only target probe site arguments "
                                      "findings")
Case.__doc__ = """One configuration of a real server, and what the probe must say of it.

how: what the server's set_up takes. only: the family, 4 or 6, that the verdict is of; the other
one must be closed. target: other than port 25 of example.org's MX, as in relaywarden.conf.
probe, site: options of these sections. arguments: further ones of `check`. findings: kinds that must
be among those of the endpoint.
"""


def case(named, verdict, cause=None, *, only=None, target=None, probe_options=None, site=None,
         arguments=(), findings=(), **how):
    return Case(named, verdict, cause, how, only, target, probe_options or {}, site or {},
                tuple(arguments), tuple(findings))


def title(row):
    """A case's name in the list of tests."""
    return row.title


def submission(port=587):
    """The target of cases that are about another port."""
    return {"domain": "example.org", "ports": [port]}


# The stranger's addresses on a list.
LISTED = [(f"{name}.dnsbl.example.net", "A", "127.0.0.2") for name in (
    "7.100.51.198", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.5.0.0.8.b.d.0.1.0.0.2")]
# Exim takes mail for no domain that does not exist, be it as open as it likes.
EXISTING = [(name, "A", "203.0.113.99") for name in (
    "example.org.outside.example.net", "notexample.org")]
# A canary of whose domain DNS knows nothing that looks like the site's.
PLAIN_CANARY = "canary@bare.example.net"
EXISTING.append(("bare.example.net", "A", "198.51.100.80"))

FAMILIES = {4: "203.0.113.25", 6: "2001:db8:113::25"}


class Result:
    """The result of one case: an endpoint's report for each family, and how long it took."""

    def __init__(self, kind, row, checked, seconds):
        self.kind = kind
        self.row = row
        self.seconds = seconds
        self.code = checked.code
        if not checked.report:
            raise LabError(f"the probe gave no report:\n{checked.out}{checked.err}")
        self.endpoints = {entry["address"]: entry for entry in checked.report["endpoints"]}

    def said(self, family):
        entry = self.endpoints[FAMILIES[family]]
        return entry["verdict"], entry["cause"]

    def expected(self, family):
        if self.row.only in (None, family):
            return self.row.verdict, self.row.cause
        return "closed", None

    def families(self):
        return [family for family, address in FAMILIES.items() if address in self.endpoints]

    def account(self):
        """The probe's words at length, for a case that fails."""
        lines = []
        for address, entry in self.endpoints.items():
            lines.append(f"{address} {entry['verdict']} {entry['cause']}: {entry['why']}")
            lines += [f"  {asked['id']}: {asked['code']} {asked['enhanced']} {asked['text']} -> {asked['outcome']}"
                      + (f" (control {asked['control']})" if asked["control"] else "")
                      for asked in entry["techniques"] if asked["outcome"]]
        return "\n".join(lines)


class World:
    """One lab, whose mail host has one server at a time. families: of its addresses in DNS."""

    def __init__(self, lab, families=(4, 6)):
        self.lab = lab
        self.mx, self.outside = lab.host("mx"), lab.host("outside")
        lab.host("sink")  # nobody serves there, which shows at once
        dns = Dns(lab, records=LISTED + EXISTING).start()
        if 6 not in families:
            dns.replace([record for record in DEFAULT_RECORDS
                         if record[:2] != ("mx.example.org", "AAAA")] + LISTED + EXISTING, defaults=False)

    def ask(self, kind, row):
        result = ask(kind, self.outside, row)
        remember(result)
        verify(result)


def ask(kind, outside, row):
    """Asks the server as a stranger does."""
    targets = {"zoo": row.target or {"domain": "example.org", "ports": [25]}}
    began = time.monotonic()
    checked = probe(outside, "zoo", *row.arguments, config=Config(
        targets=targets, probe=row.probe, site=row.site))
    return Result(kind, row, checked, time.monotonic() - began)


def verify(result):
    """Asserts that the probe said what the row expects, of each family that was asked."""
    for family in result.families():
        assert result.said(family) == result.expected(family), result.account()
        entry = result.endpoints[FAMILIES[family]]
        kinds = {finding["kind"] for finding in entry["findings"]}
        assert set(result.row.findings) <= kinds, (kinds, result.account())
        assert (result.said(family)[0] == "open") == ("open-relay" in kinds), result.account()
        if result.said(family)[0] in ("open", "suspected"):
            assert entry["fix"], result.account()


# ---- the table ----

ROWS = []  # of Results, in the order of asking


def remember(result):
    ROWS.append(result)


def _words(verdict, cause):
    return f"{verdict}, {cause}" if cause else verdict


def table():
    """The lines of the table: every case that was asked, expected and said."""
    lines = []
    right = 0
    for result in ROWS:
        said = {_words(*result.said(family)) for family in result.families()
                if result.row.only in (None, family)}
        expected = _words(result.row.verdict, result.row.cause)
        fits = all(result.said(family) == result.expected(family) for family in result.families())
        right += fits
        title = result.row.title + (f" (IPv{result.row.only})" if result.row.only else "")
        lines.append(f"{result.kind:10} {title:58} {expected:31} "
                     f"{'as expected' if fits else 'SAID ' + ' / '.join(sorted(said))}"
                     f" {result.seconds:5.2f} s")
    if lines:
        lines.append(f"{right} of {len(lines)} verdicts and causes are as expected")
    return lines
