"""A configuration of variables, as a container has one, and those of its variables that count for nothing."""

import os
import subprocess

from lab import program

USUAL = "/etc/relaywarden/relaywarden.conf"
FILE = 'site { domains = { "example.org" } }\nprobe { canary = "canary@outside.example.net" }\n'


def said(argv, settings, folder=None):
    """Both outputs of a program of ours with these variables alone; in `folder` is its own /etc."""
    name, *arguments = argv
    inside = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', str(folder)] if folder else []
    others = {key: value for key, value in os.environ.items() if not key.startswith("RELAYWARDEN_")}
    return subprocess.run([*inside, program(name), *arguments], env={**others, **settings}, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def test_a_misspelt_variable_is_told_beside_a_file_and_without_one(tmp_path):
    misspelt = {"RELAYWARDEN_DOMAIN": "example.org"}
    strange = 'the variable "RELAYWARDEN_DOMAIN" is none of relaywarden\'s (did you mean RELAYWARDEN_DOMAINS?); '
    assert said(["relaywarden-milter", "-t"], misspelt, tmp_path) == (
        f"RELAYWARDEN_*: {strange}in a container set RELAYWARDEN_DOMAINS, or mount a file at {USUAL}\n")
    (tmp_path / "relaywarden").mkdir()
    (tmp_path / "relaywarden/relaywarden.conf").write_text(FILE, encoding="utf-8")
    beside = said(["relaywarden-milter", "-t"], misspelt, tmp_path).splitlines()
    assert beside[0] == f"{USUAL}: note: {strange}this file is read, and no variable counts beside it"
    assert f"{USUAL}: configuration is valid" in beside
    assert "there is a file" in said(["relaywarden-milter", "-t"], {"RELAYWARDEN_DOMAINS": "example.org"}, tmp_path)


def test_what_takes_a_file_says_so_where_variables_are_the_configuration():
    variables = {"RELAYWARDEN_DOMAINS": "example.org", "RELAYWARDEN_CANARY": "canary@outside.example.net"}
    assert "into a configuration file, and name it with --config" in said(["relaywarden-probe", "fleet", "status"],
                                                                          variables)
    without = {**variables, "RELAYWARDEN_DOMAINS": ".example.org"}
    for verb in ("run", "check"):
        assert "set RELAYWARDEN_TARGETS\n" in said(["relaywarden-probe", verb], without)
    asked = said(["relaywarden-probe", "check", "192.0.2.1", "--canary", "canary@outside.example.net"], variables)
    assert "leave them out, or unset RELAYWARDEN_DOMAINS RELAYWARDEN_CANARY\n" in asked
