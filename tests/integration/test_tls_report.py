"""The report on TLS: version, cipher, and what is wrong with the certificate. None of it decides anything."""

import json
import os

import pytest

from lab import Config, Dns, Postfix, probe, program


@pytest.fixture(scope="module")
def place(shared_lab):
    Dns(shared_lab).start().add([("other.example.org", "A", "203.0.113.25")])
    certificate, key = shared_lab.certificate()
    Postfix(shared_lab, shared_lab.host("mx"), main={
        "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key,
        "smtpd_tls_security_level": "may", "smtpd_tls_protocols": ">=TLSv1",
    }, listen=["25", ("465", {"smtpd_tls_wrappermode": "yes"})]).start()
    return shared_lab


def trusting(lab, *targets):
    """The probe on a host that trusts whoever has signed the server's certificate."""
    host = lab.host("outside")
    path = Config(targets={"mx": {"domain": "example.org"}}).write(
        os.path.join(host.folder, "trusting.conf"))
    done = host.run([program("relaywarden-probe"), "check", "--json", "--config", path, *targets],
                    check=False, env={**os.environ, "SSL_CERT_FILE": lab.certificate()[0]})
    return json.loads(done.stdout)["endpoints"][0]


@pytest.mark.parametrize("target", ["203.0.113.25", "203.0.113.25:465"])
def test_a_certificate_of_an_unknown_authority_is_told_and_asked_through(place, target):
    checked = probe(place.host("outside"), target)
    entry, = checked.report["endpoints"]
    assert (checked.code, entry["verdict"]) == (0, "closed")
    assert entry["tls_session"]["version"] == "TLSv1.3"
    assert entry["tls_session"]["cipher"].startswith("TLS_")
    assert entry["tls_session"]["certificate_fault"] == "self-signed certificate"
    text = probe(place.host("outside"), target, as_json=False).out
    assert "session   TLSv1.3 TLS_" in text
    assert "; certificate: self-signed certificate\n" in text


def test_a_certificate_that_is_in_order_is_no_matter(place):
    entry = trusting(place, "domain:example.org")
    assert entry["host"] == "mx.example.org"
    assert entry["tls_session"]["certificate_fault"] is None


def test_a_certificate_for_another_name_is_told(place):
    entry = trusting(place, "other.example.org")
    assert entry["tls_session"]["certificate_fault"] == "it is not for other.example.org"


def test_asked_by_its_address_a_server_may_have_any_name(place):
    assert trusting(place, "203.0.113.25")["tls_session"]["certificate_fault"] is None


def test_without_tls_there_is_nothing_to_tell(place):
    config = Config(targets={"mx": {"host": "203.0.113.25", "tls": "none"}})
    entry, = probe(place.host("outside"), "mx", config=config).report["endpoints"]
    assert (entry["tls"], entry["tls_session"]) == ("none", None)
