"""What the README prints, for the tests that do as it says."""

import os
import re

from lab.servers import ROOT

with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
    README = readme.read()


def section(title):
    """The text below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {title}"
    return found.group(1)


def blocks(title, kind):
    found = re.findall(rf"^```{kind}\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)
    assert found, f"the README's section {title} has no {kind} block"
    return found
