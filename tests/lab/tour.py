#!/usr/bin/python3
"""make pictures: those of doc/tour.md, of the real thing.

The demo (demo.py) goes by once more. The text of its terminal becomes a picture for each chapter, and the page that
`relaywarden-probe report` writes is photographed by Chromium. The pictures are kept in the tree, since whoever
reads the tour has neither.
"""

import argparse
import contextlib
import io
import os
import re
import sys
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Lab, LabError, demo, program  # noqa: E402
from lab.browser import Browser  # noqa: E402
from lab.enter import enter  # noqa: E402
from lab.servers import ROOT  # noqa: E402

FOLDER = os.path.join(ROOT, "doc/tour")
COLUMNS, CHARACTER, LINE, EDGE = 100, 7.9, 18, 16
# Bright enough on the dark ground (WCAG AA).
GROUND, INK = "#1c1f26", "#d8dee9"
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea"}
SGR = re.compile(r"\033\[([0-9;]*)m")


def cells(text):
    """(character, style) of each; a style is (colour, bold, dim)."""
    style = (None, False, False)
    at = 0
    for match in [*SGR.finditer(text), None]:
        for character in text[at:match.start() if match else len(text)]:
            yield character, style
        if match is None:
            return
        at = match.end()
        for code in (match.group(1) or "0").split(";"):
            colour, bold, dim = style
            style = {"0": (None, False, False), "": (None, False, False), "1": (colour, True, dim),
                     "2": (colour, bold, True)}.get(code, (COLOURS.get(code, colour), bold, dim))


def lines(text):
    """As a terminal of that many columns shows them: the last text behind a carriage return, long lines folded."""
    row = []
    for character, style in cells(text + "\n"):
        if character == "\r":
            row = []
        elif character == "\n":
            yield row
            row = []
        elif character >= " ":
            if len(row) == COLUMNS:
                yield row
                row = [(" ", style)] * 2
            row.append((character, style))


def spans(row):
    """One tspan for each run of a style."""
    runs = []
    for character, style in row:
        if runs and runs[-1][0] == style:
            runs[-1][1].append(character)
        else:
            runs.append((style, [character]))
    for (colour, bold, dim), characters in runs:
        marks = "".join([f' fill="{colour}"' if colour else "", ' font-weight="bold"' if bold else "",
                         ' fill-opacity="0.75"' if dim else ""])
        yield f"<tspan{marks}>{escape(''.join(characters))}</tspan>"


def picture(name, text):
    """The terminal as an SVG file. Sequences that only move the cursor are left out."""
    text = re.sub(r"\033\[[0-9;?]*[A-Za-ln-z]", "", text).strip("\n")
    rows = list(lines(text))
    width, height = 2 * EDGE + COLUMNS * CHARACTER, 2 * EDGE + len(rows) * LINE
    with open(os.path.join(FOLDER, name + ".svg"), "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
                   f'height="{height}" role="img">\n<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>\n'
                   f'<g fill="{INK}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13">\n')
        for number, row in enumerate(rows):
            if row:
                file.write(f'<text xml:space="preserve" x="{EDGE}" y="{EDGE + number * LINE + 13}">'
                           f'{"".join(spans(row))}</text>\n')
        file.write("</g>\n</svg>\n")


@contextlib.contextmanager
def pictured(name):
    """The text meanwhile, without the demo's own headings."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        yield
    picture(name, re.sub(r"(?m)^\033\[1;34m== .*\n\n?", "", said.getvalue()))
    print(f"doc/tour/{name}.svg", flush=True)


def photograph(shown):
    """The page, as it begins."""
    path = os.path.join(shown.outside.folder, "report.html")
    shown.outside.run([program("relaywarden-probe"), "report", "--html", path, "--config", shown.config])
    with Browser() as browser:
        browser.open(path, width=1000).screenshot(os.path.join(FOLDER, "page.png"), whole=False)
    print("doc/tour/page.png", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    os.environ["RELAYWARDEN_BUILD"] = os.path.abspath(parser.parse_args().build)
    os.makedirs(FOLDER, exist_ok=True)
    demo.COLOUR = True
    with Lab() as lab:
        shown = demo.Demo(lab)
        with pictured("mail-host"):
            shown.start()
        with pictured("alert"):
            shown.stranger()
        with pictured("open"):
            shown.probe(expected=2)
        photograph(shown)
        with pictured("mended"):
            shown.mend()
        with pictured("closed"):
            shown.all_clear()
        if shown.milter.stop() != 0:
            raise LabError("the milter did not end as it should")


if __name__ == "__main__":
    enter()
    main()
