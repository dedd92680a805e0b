"""A closed server that takes one recipient a message is closed, and what it cannot be asked is named."""

import pytest

from lab import Config, Dns, Exim, Lab, Opensmtpd, Postfix, Sendmail, probe
from zoo_opensmtpd import OWN

SERVERS = {
    "Postfix, smtpd_recipient_limit": lambda lab, mx: Postfix(
        lab, mx, main={"smtpd_recipient_limit": "1"}),
    "Sendmail, MaxRecipientsPerMessage": lambda lab, mx: Sendmail(
        lab, mx, macros=["define(`confMAX_RCPTS_PER_MESSAGE', `1')"]),
    "Exim, recipients_max": lambda lab, mx: Exim(lab, mx, main=["recipients_max = 1"]),
    "Exim, recipients_max_reject": lambda lab, mx: Exim(
        lab, mx, main=["recipients_max = 1", "recipients_max_reject"]),
    "OpenSMTPD, session max-rcpt": lambda lab, mx: Opensmtpd(
        lab, mx, rules=[OWN], settings=["smtp limit max-rcpt 1"]),
}


@pytest.mark.parametrize("make", SERVERS.values(), ids=SERVERS)
def test_one_recipient_a_message_is_no_reason_to_doubt(make):
    with Lab() as lab:
        Dns(lab).start()
        server = make(lab, lab.host("mx"))
        server.start()
        checked = probe(lab.host("outside"), "mx", config=Config())
        for entry in checked.report["endpoints"]:
            assert (entry["verdict"], entry["cause"]) == ("closed", None), entry["why"]
            after_local, = [asked for asked in entry["techniques"] if asked["id"] == "after-local"]
            assert after_local["code"] is None
            assert after_local["outcome"] is None
            assert any("after-local was not asked: the server limits the recipients of a message" in note
                       for note in entry["notes"]), entry["notes"]
            assert "probe-blocked" not in {finding["kind"] for finding in entry["findings"]}
        server.stop()
