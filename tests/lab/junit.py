"""libxml2's validator, by the shape of JUnit's reports that Jenkins and GitLab read (junit.xsd)."""

import os
import subprocess

SCHEMA = os.path.join(os.path.dirname(__file__), "junit.xsd")


def complaints(text):
    """Its errors; a text that is no XML has some, too."""
    done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", SCHEMA, "-"], input=text, capture_output=True,
                          text=True, timeout=60, check=False)
    lines = [line for line in done.stderr.splitlines() if line != "- validates"]
    assert (done.returncode == 0) == (lines == []), done.stderr
    return lines
