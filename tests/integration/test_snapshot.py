"""The filter's view, kept as snapshot.json and shown by relaywarden-probe report --milter."""

import json
import os
import re
import stat
import time

import pytest

from lab import Config, Milter, browser, probe, wait_until
from site_of_tests import Site
from test_history import History, Page

HOSTILE = "<\"<script>&amp;</script>\"@sender.example.net>"


def path_of(milter):
    return os.path.join(milter.config.top["state_directory"], "milter", "snapshot.json")


def read(milter, root=""):
    with open(root + path_of(milter), encoding="utf-8") as file:
        return json.load(file)


def wait_for(milter, condition, seconds=30, root=""):
    """Waits until the snapshot is there and has this; returns it."""

    def found():
        if not os.path.exists(root + path_of(milter)):
            return None
        snapshot = read(milter, root)
        return snapshot if condition(snapshot) else None

    return wait_until(found, seconds, lambda: f"a snapshot; the filter says:\n{milter.log.tail()}")


def open_kinds(snapshot):
    return {incident["kind"] for incident in (snapshot["incidents"] or {"open": []})["open"]}


# ---- both halves, behind a gateway that hides its clients ----

class Seen(History):
    """A stranger relays under a masked address; audits of all endpoints were kept."""

    def __init__(self, lab):
        super().__init__(lab)
        self.milter = self.halves.milter
        self.check()
        replies = self.outside.smtp("203.0.113.25", [
            "EHLO client.example.net", f"MAIL FROM:{HOSTILE}",
            "RCPT TO:<b@outside.example.net>", "DATA", "Subject: x\n\nx\n", "QUIT"])
        assert replies[3].code == 250
        self.snapshot = wait_for(self.milter, lambda snapshot: open_kinds(snapshot) == {
            "open-relay", "client-address-hidden"})

    def shown(self, *arguments, **keywords):
        return self.report("--milter", path_of(self.milter), *arguments, **keywords)


@pytest.fixture
def seen(lab):
    return Seen(lab)


def test_what_the_filter_saw_is_in_its_snapshot(seen):
    snapshot = seen.snapshot
    assert (snapshot["format"], snapshot["program"]) == (1, "relaywarden-milter")
    assert snapshot["state"] == "running"
    assert stat.S_IMODE(os.stat(path_of(seen.milter)).st_mode) == 0o640
    address, = snapshot["masked"]["addresses"]
    assert (address["address"], address["routes"], address["healing"]) == ("172.22.1.1", 1, 0)
    assert address["since"] <= address["last_hidden"] <= snapshot["written"]
    relay, = [incident for incident in snapshot["incidents"]["open"]
              if incident["kind"] == "open-relay"]
    assert relay["subject"] == {"network": "172.22.1.0/24", "listener": relay["subject"]["listener"]}
    assert relay["evidence"]["recipient"] == "<b@outside.example.net>"
    assert relay["evidence"]["sender"] == HOSTILE
    assert snapshot["probe"]["seen_since_start"] and not snapshot["probe"]["missing"]
    assert snapshot["counters"]["hellos"]["answered"] >= 1
    assert any(row["count"] >= 1 for row in snapshot["counters"]["recipients"]
               if (row["permission"], row["destination"], row["decision"]) == (
                   "none", "external", "accepted"))


def test_a_page_shows_it(seen):
    path = os.path.join(seen.outside.folder, "report.html")
    done = seen.shown("--html", path)
    assert (done.code, done.out, done.err) == (0, "", "")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    page = Page(text)
    assert "The milter's view" in page.text() and {"href": "#milter"} in page.all("a")
    assert "172.22.1.1" in page.text() and "Masked addresses" in page.text()
    assert re.search(r"open-relay ?: ✖ critical", page.text())
    assert HOSTILE in page.text() and "<script" not in text
    assert "Not what is so now" not in page.text()
    # As all other parts: each table has a caption, each region a label of its own.
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(entry.get("scope") in ("col", "row") for entry in page.all("th"))
    ids = [entry["id"] for _, entry in page.elements if "id" in entry]
    labels = [entry["aria-label"] for entry in page.all("div") if "aria-label" in entry]
    assert len(set(ids)) == len(ids) and len(set(labels)) == len(labels)
    for _, entry in page.elements:
        assert set(entry.get("aria-labelledby", "").split()) <= set(ids)


def test_text_and_json_show_it(seen):
    done = seen.shown("--text")
    assert (done.code, done.err) == (0, "") and "\033" not in done.out
    assert re.search(r"masked addresses: 1\n    172\.22\.1\.1 at \S+, since 2\S+, by 1 route\n", done.out)
    assert "open incidents: 2" in done.out and "probe     last recognised 2" in done.out
    assert re.search("recipients accepted, of clients with permission none, to external: [1-9]",
                     done.out)
    assert json.loads(seen.shown(as_json=True).out)["milter"]["incidents"] == seen.snapshot["incidents"]
    assert json.loads(seen.report(as_json=True).out)["milter"] is None


def test_a_filter_that_was_stopped_is_told_as_stopped(seen):
    assert seen.milter.stop() == 0
    snapshot = read(seen.milter)
    assert snapshot["state"] == "stopped" and open_kinds(snapshot) == {
        "open-relay", "client-address-hidden"}
    out = seen.shown("--text").out
    assert "warning   The filter was stopped" in out


def test_an_old_snapshot_is_told_as_old(seen):
    assert "warning" not in seen.shown("--text").out
    seen.milter.kill()
    snapshot = read(seen.milter)
    for age, words in ((7200, "It is 2 hours old"), (-7200, "the clock of that host")):
        snapshot["written"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age))
        with open(path_of(seen.milter), "w", encoding="utf-8") as file:
            json.dump(snapshot, file)
        text = re.sub(r"\s+", " ", seen.shown("--text").out)
        assert words in text
        path = os.path.join(seen.outside.folder, "old.html")
        assert seen.shown("--html", path).code == 0
        with open(path, encoding="utf-8") as file:
            page = Page(file.read())
        assert "Not what is so now" in page.text() and words in page.text()


def test_a_snapshot_that_is_none_is_refused_with_a_remedy(seen):
    seen.milter.kill()
    good = read(seen.milter)
    folder = seen.outside.folder
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)

    def changed(**members):
        return json.dumps({**good, **members})

    hostile = json.loads(json.dumps(good))
    hostile["incidents"]["open"][0]["why"] = "\033]0;x\007 owned"
    files = {
        "not whole JSON": json.dumps(good)[:-20],
        "is not whole JSON": "",
        "no snapshot of relaywarden-milter": changed(program="another"),
        "has format 2, and this version knows 1": changed(format=2),
        "\"counters\" is missing": changed(counters=7),
        "\"written\" is missing or not what": changed(written="yesterday"),
        "characters that must not be shown": json.dumps(hostile),
        "more than 8 MiB": json.dumps(good) + " " * (8 << 20),
    }
    page = os.path.join(folder, "none.html")
    for number, (words, text) in enumerate(files.items()):
        path = os.path.join(folder, f"snapshot{number}.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = seen.report("--milter", path, "--html", page)
        assert done.code == 3 and words in done.err and path in done.err, done.err
        assert "\033" not in done.err and not os.path.exists(page)
    database = os.path.join(os.path.dirname(path_of(seen.milter)), "relaywarden.db")
    for path, words in ((folder, "is no regular file"), (fifo, "is no regular file"),
                        (os.path.join(folder, "nowhere"), "No such file"), (database, "not whole JSON")):
        done = seen.report("--milter", path)
        assert done.code == 3 and words in done.err and "snapshot.json" in done.err, done.err
    done = seen.report("--milter", path, as_json=True)
    assert (done.code, json.loads(done.out)["exit"]) == (3, 3)
    done = probe(seen.outside, "--milter", path, as_json=False, config=seen.config)
    assert done.code == 3 and "has no meaning for" in done.err


def test_a_browser_shows_it_on_any_screen_and_axe_finds_nothing_to_mend(seen):
    path = os.path.join(seen.outside.folder, "report.html")
    seen.milter.stop()  # so that there is a warning, too
    assert seen.shown("--html", path).code == 0
    with browser.Browser() as chromium:
        for width in (1280, 360):
            for dark in (False, True):
                found = chromium.look(path, width, dark)
                assert found["width"] <= found["room"], "the page itself scrolls sideways"
                assert found["contrast"] >= 4.5 and found["resources"] == 0
        for width, dark in ((1280, False), (360, True)):
            chromium.open(path, width, dark)
            chromium.open_details()
            assert chromium.violations() == []


# ---- what hurts the file hurts no mail ----

OPEN = {"mynetworks": "0.0.0.0/0 [::]/0"}


@pytest.fixture
def site(lab):
    return Site(lab)


def settle(site, folder, milters=[0]):
    """A filter whose state is in `folder`."""
    milters[0] += 1
    site.postfix.main.update(OPEN)
    site.milter = Milter(site.lab, site.mx, Config(state_directory=folder), postfix=site.postfix,
                         name=f"broken{milters[0]}")
    return site.milter


def test_a_full_disk_leaves_the_last_snapshot_and_is_told_once(site):
    folder = os.path.join(site.mx.folder, "full")
    inside = f"/proc/{site.mx.pid}/root"
    os.makedirs(folder)
    site.mx.run(["mount", "-n", "-t", "tmpfs", "-o", "size=1m", "lab", folder])
    site.mx.run(["mkdir", f"{folder}/milter"])
    milter = settle(site, folder).start()
    site.postfix.write()
    site.postfix.reload()
    before = wait_for(milter, lambda snapshot: True, root=inside)
    site.mx.run(["sh", "-c", f"cat /dev/zero > {folder}/filler || true"])
    assert site.ask("<b@outside.example.net>") == [250]
    milter.log.wait_for("snapshot.json cannot be written: No space left on device", 30)
    assert read(milter, root=inside)["written"] >= before["written"]
    assert os.listdir(inside + folder + "/milter").count(".snapshot.json") == 0
    site.mx.run(["rm", f"{folder}/filler"])
    milter.log.wait_for("snapshot.json is written again", 30)
    assert len(milter.log.find("snapshot.json cannot be written")) == 1
    wait_for(milter, lambda snapshot: snapshot["counters"]["connections"] >= 1, root=inside)
    assert milter.stop() == 0
    site.milter = None
    site.mx.run(["umount", folder])


def test_a_read_only_state_directory_costs_no_mail_and_is_told_once(site):
    folder = os.path.join(site.mx.folder, "read-only")
    os.makedirs(folder)
    site.mx.run(["mount", "-n", "-t", "tmpfs", "-o", "ro", "lab", folder])
    milter = settle(site, folder)
    milter.start()
    site.postfix.write()
    site.postfix.reload()
    milter.log.wait_for("snapshot.json cannot be written: ", 30)
    assert site.ask("<b@outside.example.net>") == [250]
    assert milter.wait_for_alert(kind="open-relay")
    assert milter.stop() == 0
    assert len(milter.log.find("snapshot.json cannot be written")) == 1
    site.milter = None
    site.mx.run(["umount", folder])


def test_a_filter_that_is_killed_leaves_a_whole_snapshot_and_the_next_one_goes_on(site):
    site.set_up(OPEN)
    milter = site.milter
    for _ in range(5):
        begun = read(milter)["started"] if os.path.exists(path_of(milter)) else ""
        site.ask("<b@outside.example.net>")
        wait_for(milter, lambda snapshot, begun=begun: snapshot["started"] > begun)
        milter.kill()
        assert open_kinds(read(milter)) <= {"open-relay"}
        milter.start()
    wait_for(milter, lambda snapshot: open_kinds(snapshot) == {"open-relay"})
