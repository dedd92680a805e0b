"""A program that the rehearsal needs is not installed on the host: nobody knows, and no candidate is blamed for it."""

import json
import os
import shutil
import subprocess

import pytest

from lab.exim import PROGRAM as EXIM
from lab.installed import installed, package, without
from lab.programs import program

import rehearse_cases
import rehearse_exim_cases
import rehearse_sendmail_cases

SENDMAIL = os.path.join(package("sendmail-bin"), "usr/libexec/sendmail/sendmail")
pytestmark = pytest.mark.skipif(not os.path.exists(SENDMAIL) or not os.path.exists(EXIM),
                                reason="Sendmail and Exim are not unpacked; run 'sudo make deps'")

EVERYBODYS = "/usr/sbin/sendmail"
MAKEMAP = ["/usr/libexec/sendmail/makemap", "/usr/sbin/makemap", "/usr/bin/makemap"]
M4 = ["/usr/bin/m4"]
HOST = ["--address", "eth0=192.0.2.25/24", "--address", "eth0=2001:db8:25::25/64"]
NOT_ASKED = ("access: makemap is not installed here, so the map of this text was not made and its lines were not "
             "asked; install sendmail-bin (or the package that has makemap), and rehearse again")


def command(folder, *options):
    return [program("relaywarden-probe"), "rehearse", folder, "--json", "--no-blame", "--domain", "example.org", *HOST,
            *options]


def report(words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.stderr == "", done.stderr
    said = json.loads(done.stdout)
    assert done.returncode == said["exit"]
    return said


def is_unknown(said, *sentences):
    """Whether the verdict is `unknown` for these reasons, and none of them is the candidate's."""
    assert (said["exit"], said["verdict"], said["broken"]) == (3, "unknown", []), said
    reasons = [unknown["why"] for unknown in said["unknown"]]
    return all(sentence in reasons for sentence in sentences)


def of_sendmail(folder, hidden, *options):
    return report(installed("sendmail-bin", without(hidden, command(folder, *options))))


@pytest.mark.parametrize("is_there", ["text", "map", "younger text"])
def test_without_makemap_the_lines_of_a_map_are_not_asked_and_that_is_told(is_there, tmp_path):
    """The line is one that no stranger meets by chance."""
    folder = rehearse_sendmail_cases.write(str(tmp_path), "stock")
    access = os.path.join(folder, "access")
    if is_there != "text":
        rehearse_sendmail_cases.make_map(folder, "Connect:192.0.2.99\tRELAY\n")
        os.utime(access + ".db", (1, 1))
    if is_there == "map":
        os.remove(access)
    assert is_unknown(of_sendmail(folder, MAKEMAP), NOT_ASKED)


def test_without_makemap_a_map_that_lets_strangers_in_is_open(tmp_path):
    said = of_sendmail(rehearse_sendmail_cases.write(str(tmp_path), "map-in-use"), MAKEMAP)
    assert (said["exit"], said["verdict"]) == (2, "open"), said
    assert [unknown["why"] for unknown in said["unknown"]] == [NOT_ASKED], said


def test_postfixs_sendmail_is_not_taken_for_sendmail(tmp_path):
    assert shutil.which("postconf", path="/usr/sbin:/usr/bin"), "this machine has Postfix"
    said = report(command(rehearse_sendmail_cases.write(str(tmp_path), "stock")))
    assert is_unknown(said, "Sendmail is not installed here: /usr/sbin/sendmail is Postfix's. Install sendmail-bin, or "
                            "rehearse on the host that has it."), said


def test_exims_sendmail_is_not_taken_for_sendmail(tmp_path):
    folder = rehearse_sendmail_cases.write(str(tmp_path), "stock")
    said = report(installed("exim4-daemon-heavy", command(folder)))
    assert is_unknown(said, "Sendmail is not installed here: /usr/sbin/sendmail is Exim's. Install sendmail-bin, or "
                            "rehearse on the host that has it."), said


def test_a_candidate_of_postfixs_without_postfix_is_unknown(tmp_path):
    said = report(without(["/usr/sbin/postconf"], command(rehearse_cases.write(str(tmp_path), "debian"))))
    assert is_unknown(said, "Postfix is not installed here: there is no postconf. Install postfix, or rehearse on the "
                            "host that has it."), said


def test_a_candidate_of_exims_without_exim_is_unknown(tmp_path):
    said = report(command(rehearse_exim_cases.write(str(tmp_path), "correct")))
    assert is_unknown(said, "Exim is not installed here: there is no /usr/sbin/exim4 and no /usr/sbin/exim. Install "
                            "exim4-daemon-light or exim4-daemon-heavy, or rehearse on the host that has it."), said


def test_debians_files_of_exim_without_the_script_that_reads_them_are_unknown(tmp_path):
    folder = rehearse_exim_cases.write(str(tmp_path), "debian-split")
    said = report(installed("exim4-daemon-heavy", without(["/usr/sbin/update-exim4.conf"], command(folder))))
    assert is_unknown(said, "update-exim4.conf is not installed here, so no configuration was made of these files; "
                            "install exim4-config, or rehearse on the host that has it"), said


def no_cf(said, lacking):
    return is_unknown(said, f"{lacking} is not installed here, so no sendmail.cf was made of sendmail.mc; install "
                            f"{lacking}, or rehearse on the host that has it")


def test_an_mc_without_m4_is_unknown(tmp_path):
    said = of_sendmail(rehearse_sendmail_cases.write(str(tmp_path), "stock"), M4)
    assert no_cf(said, "m4"), said


def test_an_mc_without_sendmails_m4_files_is_unknown(tmp_path):
    """Whether it includes them itself, or not."""
    folder = rehearse_sendmail_cases.write(str(tmp_path), "stock")
    empty = str(tmp_path / "empty")
    os.makedirs(empty)
    hide = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /usr/share/sendmail/cf; shift; exec "$@"', "sh", empty]
    assert no_cf(report(installed("sendmail-bin", [*hide, *command(folder)])), "sendmail-cf")
    path = os.path.join(folder, "sendmail.mc")
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file if "cf.m4" not in line]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)
    assert no_cf(report(installed("sendmail-bin", [*hide, *command(folder)])), "sendmail-cf")


def test_without_m4_a_cf_that_is_younger_than_its_mc_is_rehearsed(tmp_path):
    folder = rehearse_sendmail_cases.write(str(tmp_path), "local-from")
    made = rehearse_sendmail_cases.write(str(tmp_path / "made"), "made-local-from")
    shutil.copy(os.path.join(made, "sendmail.cf"), folder)
    said = of_sendmail(folder, M4)
    assert (said["exit"], said["verdict"]) == (2, "open"), said
    assert [warning["why"] for warning in said["warnings"]] == [
        "m4 is not installed here, so nobody knows whether sendmail.mc makes the same sendmail.cf"], said
    os.utime(os.path.join(folder, "sendmail.cf"), (1, 1))
    assert no_cf(of_sendmail(folder, M4), "m4")
