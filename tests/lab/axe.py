"""axe-core, which finds what keeps people from using a page."""

import os

from .npm import packages


def axe_core():
    """The script's text."""
    with open(os.path.join(packages("axe"), "axe-core/axe.min.js"), encoding="utf-8") as file:
        return file.read()
