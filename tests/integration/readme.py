"""The commands that the README and the pages in doc/ print, for the tests that run them."""

import glob
import os
import re

from lab.servers import ROOT

PATHS = ["README.md", *sorted(glob.glob("doc/**/*.md", root_dir=ROOT, recursive=True))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


DOCUMENTS = "\n".join(read(path) for path in PATHS)


def section(title):
    """The text below a heading, up to the next one of any level. Only one document has the heading."""
    found = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", DOCUMENTS, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{len(found)} sections in the documents are called {title}"
    return found[0]


def blocks(title, kind):
    found = re.findall(rf"^```{kind}\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)
    assert found, f"the section {title} has no {kind} block"
    return found
