"""The page of relaywarden-probe report, as Chromium shows and prints it, and what axe-core says of it."""

import os
import re

import pytest

from lab import browser, run
from test_history import History

SCREENS = [(width, dark) for width in (1280, 360) for dark in (False, True)]


@pytest.fixture(scope="module")
def audited(shared_lab):
    """The report and the page of a site with an open, a closed and a hidden endpoint."""
    history = History(shared_lab)
    report = history.check().report
    return report, history.page()[1]


@pytest.fixture(scope="module")
def chromium():
    with browser.Browser() as started:
        yield started


def test_it_is_read_on_any_screen_in_the_light_and_in_the_dark(audited, chromium):
    _, path = audited
    seen = {(width, dark): chromium.look(path, width, dark) for width, dark in SCREENS}
    for found in seen.values():
        assert found["width"] <= found["room"], "the page itself scrolls sideways"
        assert found["contrast"] >= 4.5 and found["resources"] == 0
    assert seen[360, False]["scrolling"] > 0  # wide tables do so within themselves
    assert seen[1280, False]["background"] != seen[1280, True]["background"]


@pytest.mark.parametrize("width, dark", SCREENS)
def test_axe_finds_nothing_to_mend_folded_or_unfolded(audited, chromium, width, dark):
    chromium.open(audited[1], width, dark)
    assert chromium.violations() == []
    chromium.open_details()
    assert chromium.violations() == []


def test_axe_would_find_something(audited, chromium, tmp_path):
    with open(audited[1], encoding="utf-8") as file:
        text = file.read()
    worse = re.sub("--dim:#[0-9a-f]+", "--dim:#aaa", text.replace('<html lang="en">', "<html>")
                   .replace('<th scope="row">', '<th scope="row" tabindex="5">', 1))
    path = tmp_path / "worse.html"
    path.write_text(worse, encoding="utf-8")
    found = chromium.open(path).violations()
    assert {line.split(":")[0] for line in found} == {"color-contrast", "html-has-lang", "tabindex"}
    assert any(line.startswith("html-has-lang: html: <html> element must have a lang attribute")
               for line in found)


# ---- paper ----


@pytest.fixture(scope="module")
def paper(audited, chromium, shared_lab):
    """The page, printed by somebody who reads in the dark."""
    path = os.path.join(shared_lab.host("outside").folder, "report.pdf")
    chromium.open(audited[1], dark=True).print(path)
    return path


def squeezed(text):
    return re.sub(r"\s", "", text)


def test_what_is_folded_on_a_screen_is_unfolded_on_paper_each_row_on_one_page(audited, paper):
    report, _ = audited
    pages = [squeezed(page) for page in run(["pdftotext", "-raw", paper, "-"]).stdout.split("\f")]
    for endpoint in report["endpoints"]:
        mode = {"none": "", "starttls": "(STARTTLS)", "implicit": "(TLS)"}[endpoint["tls"]]
        name = f"{endpoint['address']}:{endpoint['port']}{mode}"
        assert any(re.search(f"{re.escape(name)}:.{endpoint['verdict']}", page) for page in pages)
        assert any(squeezed(endpoint["why"]) in page for page in pages)
        asked = [row for row in endpoint["techniques"] if row["code"] is not None]
        assert len(asked) > 30
        for row in asked:
            cells = [row["helo"], row["sender"], row["recipient"],
                     f"{row['code']} {row['enhanced'] or ''} {row['text']}"]
            assert any(squeezed("".join(cells)) in page for page in pages), (name, row)


def test_nothing_leaves_the_margins_of_the_paper(paper):
    boxes = run(["pdftotext", "-bbox", paper, "-"]).stdout
    width, = {float(found) for found in re.findall(r'<page width="([\d.]+)"', boxes)}
    words = re.findall(r'<word xMin="([\d.-]+)" yMin="[\d.-]+" xMax="([\d.-]+)"', boxes)
    assert len(words) > 1000
    assert all(36 < float(begin) < float(end) < width - 36 for begin, end in words)


def test_a_dark_page_is_not_printed_dark(audited, chromium, shared_lab):
    folder = shared_lab.host("outside").folder
    path = os.path.join(folder, "backgrounds.pdf")
    chromium.open(audited[1], dark=True).print(path, backgrounds=True)
    run(["pdftoppm", "-r", "60", "-gray", "-f", "1", "-singlefile", path, os.path.join(folder, "first")])
    with open(os.path.join(folder, "first.pgm"), "rb") as file:
        pixels = file.read().split(b"\n255\n", 1)[1]
    assert sum(pixels) / len(pixels) > 220 and min(pixels) < 60
