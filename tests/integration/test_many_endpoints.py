"""More endpoints than fit into memory: none is lost, the one that is open is told, and the audit stays small."""

import collections
import json
import os
import pty
import re
import signal

import pytest

from lab import Dns, Lab, ProbeDaemon, wait_until
from lab.browser import Browser
from lab.many import PORT, LightServers, address, asked_endpoints, config_of, measure
from lab.programs import program, read_alerts, sanitized

MANY = 5000
OPEN = 2718
MIB = 1024 * 1024
SILENT_PORT = 26


@pytest.fixture(scope="module", name="lab")
def make_lab():
    with Lab() as lab:
        Dns(lab).start()
        lab.outside, lab.mx = lab.host("outside"), lab.host("mx")
        servers = LightServers(lab.mx, lab.outside, open_at=[OPEN, 1, 2]).start()
        yield lab
        servers.stop()


@pytest.fixture(name="folder")
def make_folder(lab):
    return lab.outside.new_folder("many")


def check(lab, folder, config, *arguments):
    """relaywarden-probe check of a Config, run to its end on the lab's host outside; see lab.many.Measured."""
    config.top.setdefault("state_directory", folder)
    config.alert.setdefault("json", os.path.join(folder, "alerts.json"))
    os.makedirs(os.path.join(folder, "probe"), exist_ok=True)
    path = config.write(os.path.join(folder, "relaywarden.conf"))
    return measure(lab.outside, folder, [program("relaywarden-probe"), "check", "--config", path, *arguments])


def open_alerts(folder):
    return [alert["subject"]["endpoint"] for alert in read_alerts(os.path.join(folder, "alerts.json"))
            if (alert["kind"], alert["state"]) == ("open-relay", "opened")]


def place(number):
    return f"[{address(number)}]:{PORT}"


@pytest.fixture(scope="module", name="silent")
def make_silent(lab):
    """The targets of a Config: one that takes connections and says nothing, so that the audit does not end."""
    with lab.mx.listen(SILENT_PORT, lab.mx.address6):
        yield {"silent": {"host": lab.mx.address6, "ports": [SILENT_PORT]}}


def test_of_five_thousand_endpoints_none_is_dropped_and_the_open_one_is_told(lab, folder):
    done = check(lab, folder, config_of(folder, MANY), "--json")
    assert done.code == 2, done.errors
    report = json.loads(done.output)
    assert asked_endpoints(report) == [(address(number), PORT) for number in range(1, MANY + 1)]
    verdicts = collections.Counter(entry["verdict"] for entry in report["endpoints"])
    assert verdicts == {"open": 3, "closed": MANY - 3}
    assert [entry["target"] for entry in report["endpoints"] if entry["verdict"] == "open"] == ["t1", "t2", f"t{OPEN}"]
    assert all(len(entry["techniques"]) > 40 for entry in report["endpoints"])
    assert (report["worst"], report["exit"]) == ("open", 2)
    assert any(place(OPEN) in endpoint for endpoint in open_alerts(folder))
    if not sanitized():
        # Results that are kept whole take 130 MiB.
        assert done.memory < 64 * MIB


def test_the_status_line_of_many_names_the_first_and_counts_the_rest(lab, folder):
    done = check(lab, folder, config_of(folder, 300, probe={"max_connections": 20}), "--quiet")
    assert done.code == 2, done.errors
    assert re.fullmatch(r"RELAY CRITICAL - 2 of 300 endpoints open: \S+ \(unconditional\), \S+ \(unconditional\) "
                        r"\| endpoints=300 open=2 time=[0-9.]+s\n", done.output), done.output


def test_an_alert_does_not_wait_for_the_rest_of_the_audit(lab, folder, silent):
    config = config_of(folder, 50)
    config.targets = silent
    daemon = ProbeDaemon(lab, lab.outside, config).start()
    alert = daemon.wait_for_alert(kind="open-relay", state="opened")
    assert place(1) in alert["subject"]["endpoint"] or place(2) in alert["subject"]["endpoint"]
    assert "RELAY " not in daemon.log.text()
    assert daemon.stop() == 0


def test_an_audit_of_all_targets_ends_what_belongs_to_none_of_them(lab, folder):
    config = config_of(folder, 300)
    assert check(lab, folder, config, "--quiet").code == 2
    path = config.probe["target_files"][0]
    with open(path, encoding="ascii") as file:
        lines = file.readlines()
    with open(path, "w", encoding="ascii") as file:
        file.writelines(lines[2:])
    done = check(lab, folder, config, "--quiet")
    assert done.code == 0, done.output
    resolved = [alert["subject"]["endpoint"] for alert in read_alerts(os.path.join(folder, "alerts.json"))
                if alert["state"] == "resolved"]
    assert sorted(open_alerts(folder)) == sorted(resolved) and len(resolved) == 2


def test_a_reload_reads_target_files_again_and_keeps_the_old_ones_when_a_line_is_wrong(lab, folder):
    config = config_of(folder, 10)
    daemon = ProbeDaemon(lab, lab.outside, config).start("--json")
    wait_until(daemon.reports, 30, "the first audit")
    path = config.probe["target_files"][0]
    mark = daemon.log.mark()
    with open(path, "a", encoding="ascii") as file:
        file.write(f"t11 host {address(11)} 25\nt12 hosts {address(12)} 25\n")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.log.find("reload failed", mark), 30, daemon.log.tail)
    assert f"{path}:12: the second word is neither domain nor host" in daemon.log.text()
    with open(path, encoding="ascii") as file:
        text = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace("hosts", "host"))
    daemon.signal(signal.SIGHUP)
    reports = wait_until(lambda: len(daemon.reports()) > 1 and daemon.reports(), 30, daemon.log.tail)
    assert asked_endpoints(reports[1]) == [(address(11), 25), (address(12), 25)]
    assert daemon.stop() == 0


def on_terminal(lab, folder, config, *arguments):
    """The words of a check to a terminal on standard error."""
    config.top["state_directory"] = folder
    path = config.write(os.path.join(folder, "relaywarden.conf"))
    ours, theirs = pty.openpty()
    with open(os.path.join(folder, "output"), "wb") as output:
        process = lab.outside.popen([program("relaywarden-probe"), "check", "--config", path, *arguments],
                                    stdout=output, stderr=theirs)
        os.close(theirs)
        seen = b""
        try:
            while chunk := os.read(ours, 65536):
                seen += chunk
        except OSError:  # the last writer is gone
            pass
        process.wait()
    os.close(ours)
    return seen.decode()


def test_a_terminal_shows_how_many_are_done_and_the_time_left_and_a_program_nothing(lab, folder, silent):
    config = config_of(folder, 100, probe={"timeout": "5s"})
    config.targets = silent
    seen = on_terminal(lab, folder, config)
    assert re.search(r"\r\x1b\[K[0-9]+ of (about )?10[0-9] endpoints done", seen), seen
    assert re.search(r"\r\x1b\[K100 of 101 endpoints done, [0-9.]+ a second, [0-9]+ s left", seen), seen
    assert "endpoints done" not in on_terminal(lab, folder, config, "--json")


def test_the_targets_of_a_check_may_be_named_beside_a_file_of_them(lab, folder):
    config = config_of(folder, 30)
    done = check(lab, folder, config, "--json", "t7", "t9")
    assert asked_endpoints(json.loads(done.output)) == [(address(7), PORT), (address(9), PORT)]
    assert done.code == 0


VISIBLE = """[...document.querySelector("#now tbody").rows].filter((row) => row.offsetParent !== null)
    .map((row) => row.cells[4].textContent)"""


def test_the_page_of_many_is_searched_by_target_and_verdict_and_has_all_without_script(lab, folder):
    config = config_of(folder, 40)
    assert check(lab, folder, config, "--quiet").code == 2
    page = os.path.join(folder, "page.html")
    lab.outside.run([program("relaywarden-probe"), "report", "--config", os.path.join(folder, "relaywarden.conf"),
                     "--html", page])
    with open(page, encoding="utf-8") as file:
        text = file.read()
    assert text.count('<tr><th scope="row"><a href="#e') >= 40 and "<form" not in text
    with Browser() as chromium:
        chromium.open(page)
        assert len(chromium.run(VISIBLE)) == 40
        type_in = """((control, value) => { control.value = value;
            control.dispatchEvent(new Event("input", {bubbles: true})); })(%s, %s)"""
        chromium.run(type_in % ('document.querySelector("[role=search] input")', '"T17"'))
        assert chromium.run(VISIBLE) == ["t17"]
        assert chromium.run('document.querySelector("output").textContent') == "1 of 40 shown"
        assert chromium.run('document.querySelectorAll("article:not([hidden])").length') == 1
        chromium.run(type_in % ('document.querySelector("[role=search] input")', '""'))
        chromium.run(type_in % ('document.querySelector("[role=search] select")', '"open"'))
        assert sorted(chromium.run(VISIBLE)) == ["t1", "t2"]
