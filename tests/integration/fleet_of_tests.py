"""The tests of a fleet share this: a database with a roster, and workers at three vantages."""

import contextlib

import pytest

from lab import Config, Dns, Postfix, Postgresql, ProbeDaemon, probe, wait_until

VANTAGES = ("north", "east", "west")
MX = {"mx": {"host": "203.0.113.25", "ports": [25]}}


def open_for(postfix, *vantages):
    """As a cloud whose networks somebody trusts."""
    trusted = ["127.0.0.0/8"] + [f"198.51.100.{21 + number}" for number in vantages]
    postfix.set({"mynetworks": ", ".join(trusted), "in_flow_delay": "0s"})


def ids(alerts):
    return {alert["incident"] for alert in alerts}


def host_of(lab, number):
    return lab.host(VANTAGES[number], addresses=(f"198.51.100.{21 + number}", f"2001:db8:51::{21 + number}"))


class Fleet:
    """A database with a roster, and workers at the vantages."""

    def __init__(self, lab, server, name, targets, port=5432, place="pg_default", url_options=""):
        self.lab, self.server, self.name, self.targets = lab, server, name, targets
        self.options = {"timeout": "3s", "interval": "5s"}
        self.url = server.url(port=port) + url_options
        self.workers = []
        server.sql("DROP DATABASE IF EXISTS relaywarden WITH (FORCE)", "postgres")
        server.sql(f"CREATE DATABASE relaywarden TABLESPACE {place}")
        self.run("migrate", server.owner_url())
        server.sql("GRANT relaywarden_worker TO probe")
        self.run("sync", self.url)

    def run(self, verb, url, *words, code=0):
        done = probe(host_of(self.lab, 0), verb, *words, config=self.config(0, url), verb="fleet", name=self.name)
        assert done.code == code, done.err
        return done.report

    def config(self, vantage, url=None, targets=None):
        return Config(database=url or self.url, vantage_name=VANTAGES[vantage], probe=dict(self.options),
                      targets=self.targets if targets is None else targets,
                      alert={"syslog": {"format": "none"}})

    def add(self, vantage, number=0):
        # A worker needs no targets of its own.
        worker = ProbeDaemon(self.lab, host_of(self.lab, vantage), self.config(vantage, targets={}),
                             name=f"{self.name}-{number}")
        self.workers.append(worker.start())
        return worker

    def begin(self, *vantages):
        """A worker at each; whoever is first knows that the others are to come."""
        for vantage in vantages:
            self.server.sql(f"SELECT relaywarden.hello('before', '{VANTAGES[vantage]}', '', '')")
        return [self.add(vantage) for vantage in vantages]

    @contextlib.contextmanager
    def quiet(self):
        """Nothing is asked meanwhile: an audit that a change comes into the midst of finds what never was."""
        def rests():
            self.server.sql("UPDATE relaywarden.turn SET due = now() + interval '1 h' WHERE leased_until IS NULL")
            return self.server.value("SELECT count(*) FROM relaywarden.turn WHERE leased_until IS NOT NULL"
                                     " OR due < now() + interval '30 min'") == "0"

        wait_until(rests, 60, self.log)
        yield
        self.server.sql("UPDATE relaywarden.turn SET due = now()")

    def alerts(self, **wanted):
        return [alert for worker in self.workers for alert in worker.alerts()
                if all(alert.get(name) == value for name, value in wanted.items())]

    def wait_for_alerts(self, count, **wanted):
        return wait_until(lambda: len(self.alerts(**wanted)) >= count and self.alerts(**wanted), 120,
                          lambda: f"{count} alerts {wanted}: {self.alerts()}\n{self.log()}")

    def log(self):
        return "\n".join(worker.log.tail(20) for worker in self.workers)

    def wait_for_round(self):
        """Each target is asked anew at each vantage."""
        self.wait_for_round_at("")

    def wait_for_round_at(self, vantage):
        now = self.server.value("SELECT now()")
        wait_until(lambda: self.server.value("SELECT count(*) FROM relaywarden.turn WHERE (asked IS NULL OR"
                                             f" asked < '{now}') AND vantage IN ('{vantage}', CASE '{vantage}'"
                                             " WHEN '' THEN vantage END)") == "0", 120,
                   lambda: f"{self.server.sql('SELECT * FROM relaywarden.turn')[:10]}\n{self.log()}")

    def stop(self):
        for worker in self.workers:
            if worker.process:
                assert worker.stop() == 0


@pytest.fixture(scope="module", name="server")
def fleet_server(shared_lab):
    Dns(shared_lab).start()
    return Postgresql(shared_lab, shared_lab.host("db"), max_connections=100).start()


@pytest.fixture(name="make_fleet")
def fleet_maker(shared_lab, server, request):
    made = []

    def make(targets, **options):
        made.append(Fleet(shared_lab, server, request.node.name[:24], targets, **options))
        return made[-1]

    yield make
    for fleet in made:
        fleet.stop()


@pytest.fixture(scope="module", name="postfix")
def fleet_postfix(shared_lab):
    return Postfix(shared_lab, shared_lab.host("mx")).start()
