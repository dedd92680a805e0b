"""relaywarden-probe on a host that cannot reach a family of addresses."""

from lab import Config, Dns, Postfix, probe


def test_a_probe_without_ipv6_is_told_so_and_not_that_the_server_is_down(lab):
    Dns(lab).start()
    Postfix(lab, lab.host("mx")).start()
    outside = lab.host("outside")
    outside.run(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"])
    entries = {entry["address"]: entry for entry in probe(outside, "mx", config=Config()).report["endpoints"]}
    assert entries["203.0.113.25"]["verdict"] == "closed"
    hidden = entries["2001:db8:113::25"]
    assert hidden["verdict"] == "unreachable"
    assert "own host has no way" in hidden["why"]
    assert "an IPv6 address and a route" in hidden["fix"]
