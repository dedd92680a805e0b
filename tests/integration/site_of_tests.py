"""The tests of the main job share this: a site whose Postfix, milter and probe can be set up anew in a moment."""

from lab import Config, Dns, Milter, Postfix, Sasl, probe
from lab.programs import read_alerts

CLOSED = "permit_mynetworks permit_sasl_authenticated reject_unauth_destination"
DEFERRED = "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"


class Site:
    """example.org's mail host on the lab's internet, its filter, and a probe outside."""

    def __init__(self, lab):
        self.lab = lab
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab).start()
        sasl = Sasl(lab, mechanisms="PLAIN LOGIN ANONYMOUS").user("joe", "secret")
        # Offered to nobody unless a test asks for it: without TLS that is a finding of its own.
        self.postfix = Postfix(lab, self.mx, sasl=sasl, main={"smtpd_sasl_auth_enable": "no"})
        self.plain_main = dict(self.postfix.main)
        self.postfix.main["smtpd_milters"] = self.postfix.milter_setting(
            "unix:" + self.postfix.milter_socket)
        self.postfix.start()
        self.milters = 0
        self.milter = None

    def set_up(self, main=None, milter=None, site=None, master=None, alert=None):
        """Postfix with these settings and nothing left of earlier ones; a filter that has seen nothing."""
        if self.milter:
            assert self.milter.stop() == 0
        self.milters += 1
        config = Config(site=site, milter=milter, alert=alert)
        self.milter = Milter(self.lab, self.mx, config, postfix=self.postfix,
                             name=f"milter{self.milters}").start()
        self.postfix.main = {**self.plain_main, "smtpd_relay_restrictions": CLOSED, **(main or {}),
                             "smtpd_milters": self.postfix.milter_setting(
                                 "unix:" + self.postfix.milter_socket)}
        self.postfix.master = list(master or [])
        self.postfix.write()
        self.postfix.reload()

    def ask(self, *recipients, sender="<a@sender.example.net>", host=None, data=True):
        """A whole message from a stranger; returns the codes of the replies to RCPT."""
        host = host or self.outside
        replies = host.smtp(self.mx.address, [
            "EHLO client.example.net", f"MAIL FROM:{sender}",
            *[f"RCPT TO:{recipient}" for recipient in recipients],
            *(["DATA", "Subject: test\n\nHello.\n"] if data else []), "QUIT"])
        return [reply.code for reply in replies[3:3 + len(recipients)]]

    def probe(self, *arguments, **keywords):
        keywords.setdefault("config", Config())
        return probe(self.outside, *(arguments or ("mx",)), **keywords)

    def alerts(self, kind=None):
        """All that the filter announced. It is asked to end first: then everything is written."""
        path = self.milter.config.alert["json"]
        assert self.milter.stop() == 0
        self.milter = None
        alerts = read_alerts(path)
        return [alert for alert in alerts if kind is None or alert["kind"] == kind]


def endpoint(checked, address="203.0.113.25"):
    """The report's object for one address."""
    return next(entry for entry in checked.report["endpoints"] if entry["address"] == address)


def outcomes(entry):
    """Technique to outcome of one endpoint."""
    return {technique["id"]: technique["outcome"] for technique in entry["techniques"]}
