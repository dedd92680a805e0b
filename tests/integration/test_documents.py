"""The README and doc/: a reader who follows a link arrives, and an alert's kind has a page."""

import os
import re

from lab.servers import ROOT
from readme import PATHS, read

LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]*)(#[^)\s]+)?\)")


def anchors(path):
    """The fragments that a forge makes of a document's headings."""
    titles = re.findall(r"^#+ (.+)$", read(path), re.MULTILINE)
    return {"#" + re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def links():
    for path in PATHS + ["CONTRIBUTING.md", "SECURITY.md", "tests/README.md"]:
        for target, anchor in LINK.findall(re.sub(r"^```.*?^```$", "", read(path), flags=re.M | re.S)):
            if not target.startswith(("http:", "https:", "mailto:")):
                there = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
                yield path, there, anchor


def test_every_link_leads_to_a_document_and_a_heading_that_are_there():
    followed = list(links())
    assert len(followed) > 60
    for path, there, anchor in followed:
        assert os.path.exists(os.path.join(ROOT, there)), f"{path} leads to {there}"
        assert not anchor or anchor in anchors(there), f"{path} leads to {there}{anchor}"


def kinds():
    """The names of enum finding_kind, from the table of words."""
    table = re.search(r"finding_kinds?\[\] = \{(.*?)\};", read("lib/words.c"), re.DOTALL).group(1)
    return re.findall(r'"([a-z-]+)"', table)


def test_every_kind_of_finding_has_a_page_with_its_cause_and_remedy():
    found = kinds()
    assert len(found) >= 20
    for kind in found:
        titles = re.findall("^#+ (.+)$", read(f"doc/findings/{kind}.md"), re.MULTILINE)
        assert titles[0] == kind
        assert titles.index("Meaning") < titles.index("Cause") < titles.index("Remedy")
        assert f"]({kind}.md)" in read("doc/findings/README.md")


def test_every_variable_of_a_container_is_in_its_page_and_in_the_manual():
    names = set(re.findall(r'"(RELAYWARDEN_[A-Z_]+)"', read("conf/environment.c") + read("conf/environment.h")))
    assert len(names) > 12
    for page in ("doc/container.md", "conf/relaywarden.conf.5"):
        assert names <= set(re.findall(r"RELAYWARDEN_[A-Z_]+", read(page))), page


def test_the_manual_and_the_page_let_a_service_use_postfix_s_sendmail_by_the_same_lines():
    manual, = re.findall(r"^(\[Service\]\nSupplementaryGroups=.*?)^\.Ed$", read("conf/relaywarden.conf.5"), re.M | re.S)
    assert f"```ini\n{manual}```\n" in read("doc/alerts.md")
    for line in manual.splitlines()[1:]:
        assert line in read("lib/alert/sink/mail.c")


def test_the_readme_fits_on_three_screens_and_begins_with_what_it_does():
    lines = read("README.md").splitlines()
    assert len(lines) <= 150
    assert "Can a stranger send mail through your mail server?" in "".join(lines[:10])
    assert "relaywarden-probe" in "".join(lines[:10])
