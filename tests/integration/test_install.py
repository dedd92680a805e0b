"""make install and uninstall, the units' hardening, and bash completion: what lies in the file system."""

import json
import os
import re
import shutil
import subprocess

import pytest

from lab import Config, build_folder, program, run
from lab.servers import ROOT

THRESHOLD = "15"  # of systemd-analyze, in tenths
COMPLETIONS = os.path.join(ROOT, "conf/share/completions")
PROGRAMS = ("relaywarden-milter", "relaywarden-probe")


# As `make` has it without PREFIX: another would link the programs anew, under the tests that run them.
PLACES = ("DOC_BASE=/usr/local/share/doc/relaywarden/doc", "MODULE_BASE=/usr/local/lib/relaywarden")


def make(*arguments):
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return run(["make", "-s", "-C", ROOT, f"BUILD={build_folder()}", *PLACES, *arguments],
               env=environment, timeout=540)


def tree(folder):
    """All files and links below a folder, as paths from there."""
    return {os.path.relpath(os.path.join(path, name), folder)
            for path, _, files in os.walk(folder) for name in files}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where everything was installed with PREFIX=/usr."""
    folder = str(tmp_path_factory.mktemp("installed"))
    make("install", f"DESTDIR={folder}", "PREFIX=/usr")
    return folder


def test_everything_that_runs_the_programs_is_installed(root):
    expected = {
        "usr/sbin/relaywarden-milter", "usr/sbin/relaywarden-probe",
        "usr/share/man/man8/relaywarden-milter.8", "usr/share/man/man8/relaywarden-probe.8",
        "usr/share/man/man5/relaywarden.conf.5", "usr/lib/sysusers.d/relaywarden.conf",
        "usr/lib/tmpfiles.d/relaywarden.conf", "etc/logrotate.d/relaywarden",
        "usr/lib/systemd/catalog/relaywarden.catalog", "usr/share/relaywarden/relaywarden.rules.yml",
        "usr/share/relaywarden/relaywarden.dashboard.json", "usr/share/relaywarden/relaywarden.fleet-dashboard.json",
        "etc/relaywarden/relaywarden.conf", "usr/share/doc/relaywarden/README.md",
        "usr/share/doc/relaywarden/doc/setup.md", "usr/share/doc/relaywarden/doc/findings/open-relay.md",
        "usr/share/doc/relaywarden/CHANGELOG.md", "usr/share/doc/relaywarden/doc/tour/open.svg",
        "usr/share/bash-completion/completions/relaywarden-milter",
        "usr/share/bash-completion/completions/relaywarden-probe",
        "usr/share/relaywarden/schemas/check.schema.json",
        "usr/share/zsh/vendor-completions/_relaywarden",
        "usr/share/fish/vendor_completions.d/relaywarden-milter.fish",
        "usr/share/fish/vendor_completions.d/relaywarden-probe.fish",
        *(f"usr/lib/systemd/system/{unit}" for unit in units())}
    assert expected <= tree(root)
    assert os.access(os.path.join(root, "usr/sbin/relaywarden-probe"), os.X_OK)


def test_the_page_that_an_alert_names_is_installed(tmp_path):
    root, alerts = str(tmp_path / "root"), tmp_path / "alerts.json"
    make("install", f"DESTDIR={root}")
    config = Config(alert={"syslog": {"format": "none"}, "json": str(alerts)}, state_directory=str(tmp_path))
    run([f"{root}/usr/local/sbin/relaywarden-probe", "alert-test", "--config",
         config.write(str(tmp_path / "relaywarden.conf"))])
    page = json.loads(alerts.read_text())["page"]
    assert os.path.exists(root + page)
    assert os.path.exists(os.path.join(root + os.path.dirname(page), "findings/open-relay.md"))


def test_the_configuration_is_closed_to_others_and_valid(root):
    path = os.path.join(root, "etc/relaywarden/relaywarden.conf")
    assert os.stat(path).st_mode & 0o777 == 0o640
    for name in PROGRAMS:
        assert run([os.path.join(root, "usr/sbin", name), "--config", path, "-t"]).returncode == 0


def test_a_configuration_that_is_there_is_kept_and_uninstall_leaves_it_alone(tmp_path):
    make("install", f"DESTDIR={tmp_path}")
    conf = tmp_path / "etc/relaywarden/relaywarden.conf"
    conf.write_text("# mine\n")
    state = tmp_path / "var/lib/relaywarden/probe/relaywarden.db"
    state.parent.mkdir(parents=True)
    state.write_text("")
    make("install", f"DESTDIR={tmp_path}")
    assert conf.read_text() == "# mine\n"
    make("uninstall", f"DESTDIR={tmp_path}")
    assert tree(tmp_path) == {"etc/relaywarden/relaywarden.conf",
                              "var/lib/relaywarden/probe/relaywarden.db"}


def test_what_was_never_used_is_taken_away_to_the_last_file(tmp_path):
    make("install", f"DESTDIR={tmp_path}")
    make("uninstall", f"DESTDIR={tmp_path}")
    assert tree(tmp_path) == set()
    folders = {os.path.relpath(path, tmp_path) for path, _, _ in os.walk(tmp_path)}
    assert not {path for path in folders if "relaywarden" in path or "systemd" in path}


def test_units_name_the_program_where_it_is(root):
    for name in units():
        with open(os.path.join(root, "usr/lib/systemd/system", name), encoding="ascii") as file:
            for command in re.findall(r"^ExecStart=(\S+)", file.read(), re.MULTILINE):
                assert os.access(root + command, os.X_OK), f"{name}: {command}"


# ---- units ----

def units(*suffixes):
    return sorted(name for name in os.listdir(os.path.join(ROOT, "systemd"))
                  if name.endswith(suffixes or (".service", ".timer", ".path")))


# It has to be root, and to make namespaces and mounts: the stage.
STAGED = "relaywarden-probe-rehearse.service"
UNPRIVILEGED = [name for name in units(".service") if name != STAGED]


def expect_exposed_to_no_more_than(threshold, name):
    done = run(["systemd-analyze", "security", "--offline=true", f"--threshold={threshold}",
                "--no-pager", os.path.join(ROOT, "systemd", name)], check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", UNPRIVILEGED)
def test_a_service_is_exposed_to_no_more_than_1_5(name):
    expect_exposed_to_no_more_than(THRESHOLD, name)


def test_the_rehearsal_which_makes_namespaces_is_exposed_to_no_more_than_5_2():
    expect_exposed_to_no_more_than(52, STAGED)


@pytest.mark.parametrize("name", UNPRIVILEGED)
def test_a_service_runs_as_its_own_user_with_no_capability(name):
    with open(os.path.join(ROOT, "systemd", name), encoding="ascii") as file:
        lines = file.read().splitlines()
    assert "User=relaywarden" in lines
    assert "CapabilityBoundingSet=" in lines
    assert any(line.startswith("ExecStart=") for line in lines)


# ---- manual pages ----

def source(name):
    with open(os.path.join(ROOT, name.rpartition("-")[2], f"{name}.8"), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("unit", units())
def test_every_unit_is_in_the_manual_page_of_its_program(unit):
    name = "relaywarden-milter" if "milter" in unit else "relaywarden-probe"
    assert unit in source(name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_option_and_verb_is_in_the_manual_page(name):
    text = source(name)
    for option in re.findall(r"^  -+([a-z-]+)", help_of(name), re.MULTILINE):
        assert re.search(rf"Fl -?{option}\b", text), option
    for verb in re.findall(r"^  ([a-z][a-z-]*)\b", help_of(name), re.MULTILINE):
        assert re.search(rf"^\.It Cm {verb}\b", text, re.MULTILINE), verb


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_exit_code_of_the_help_is_in_the_manual_page(name):
    told = re.search(r"Exit (?:code|status): (.*)", help_of(name), re.DOTALL).group(1)
    section = source(name).split(".Sh EXIT STATUS")[1].split("\n.Sh ")[0]
    for code in re.findall(r"\b(\d+) [a-z]", told):
        assert re.search(rf"\b{code}\b", section), code


# ---- completion ----

def complete(*words):
    """bash's completions of the last word."""
    script = """
        compopt() { :; }
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        spec=$(complete -p "${1##*/}") && [[ $spec == *"-F _relaywarden "* ]] || exit 1
        _relaywarden "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(["bash", "-u", "-c", script, "bash",
                           os.path.join(ROOT, COMPLETIONS, "relaywarden.bash"), *words],
                          capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def help_of(name):
    return run([program(name), "--help"]).stdout


def test_completion_offers_every_option_of_both_programs():
    for name in PROGRAMS:
        offered = complete(program(name), "-")
        wanted = set(re.findall(r"^  (--?[a-z-]+)", help_of(name), re.MULTILINE))
        assert wanted | {"--help", "--version"} <= set(offered)
        assert all(word.startswith("-") for word in offered)


def test_completion_offers_every_verb_and_then_its_options():
    verbs = set(re.findall(r"^  ([a-z][a-z-]*)\b", help_of("relaywarden-probe"), re.MULTILINE))
    assert {"check", "techniques"} <= verbs
    assert set(complete(program("relaywarden-probe"), "")) == verbs
    assert complete(program("relaywarden-probe"), "tec") == ["techniques"]
    assert complete(program("relaywarden-probe"), "check", "--qu") == ["--quiet"]
    assert complete(program("relaywarden-milter"), "") == []


def test_completion_offers_the_targets_of_the_configuration(tmp_path):
    conf = tmp_path / "some.conf"
    conf.write_text('probe {\n  target "mx" { }\n  target \'submission\' { }\n  # target "no" { }\n}\n')
    probe = program("relaywarden-probe")
    assert complete(probe, "check", "--config", str(conf), "") == ["mx", "submission"]
    assert complete(probe, "check", "--config", str(conf), "s") == ["submission"]
    assert complete(probe, "techniques", "--config", str(conf), "") == []


def test_completion_offers_files_for_a_configuration(tmp_path):
    (tmp_path / "some.conf").write_text("")
    for name in PROGRAMS:
        assert complete(program(name), "--config", f"{tmp_path}/so") == [f"{tmp_path}/some.conf"]


def test_completion_offers_nothing_where_only_the_operator_knows():
    assert complete(program("relaywarden-probe"), "check", "--wait", "") == []


def test_completion_is_found_by_the_name_of_either_program(root):
    folder = os.path.join(root, "usr/share/bash-completion/completions")
    for name in PROGRAMS:
        done = run(["bash", "-c", f'source "$1"; complete -p {name}', "bash",
                    os.path.join(folder, name)])
        assert done.stdout.startswith("complete -F _relaywarden ")


def test_the_completions_are_what_help_says():
    done = run(["/usr/bin/python3", os.path.join(ROOT, "tests/completions.py"), "--check", "--build",
                build_folder()], check=False)
    assert done.returncode == 0, done.stdout


def test_fish_offers_verbs_and_the_options_of_the_verb(tmp_path):
    def offers(line):
        script = f"source {COMPLETIONS}/relaywarden-probe.fish; complete -C '{line}'"
        done = run(["fish", "--no-config", "-c", script], env={**os.environ, "HOME": str(tmp_path)})
        return {word.split("\t")[0] for word in done.stdout.splitlines()}

    assert {"check", "techniques"} <= offers("relaywarden-probe ")
    offered = offers("relaywarden-probe check --")
    assert {"--wait", "--quiet"} <= offered and "--maildir" not in offered
    assert "--maildir" in offers("relaywarden-probe receive --")


def test_zsh_offers_verbs_and_the_options_of_the_verb():
    def offers(*words):
        """The words handed to zsh's own helpers for the last word."""
        script = f"""
            _arguments() {{ print -rl -- "$@" }}
            _describe() {{ print -rl -- "${{(@P)2}}" }}
            words=({' '.join(f"'{word}'" for word in words)}) CURRENT={len(words)} PREFIX='{words[-1]}'
            source {COMPLETIONS}/_relaywarden
        """
        return run(["zsh", "-f", "-c", script]).stdout.splitlines()

    assert "techniques" in {line.split(":")[0] for line in offers("relaywarden-probe", "")}
    offered = {line.split("[")[0] for line in offers("relaywarden-probe", "check", "--")}
    assert {"--wait", "--quiet"} <= offered and "--maildir" not in offered
    assert {"--unmask", "--discover=-"} <= {
        line.split("[")[0] for line in offers("relaywarden-milter", "--")}


def test_rotation_is_understood_by_logrotate(root, tmp_path):
    conf = tmp_path / "logrotate.conf"
    with open(os.path.join(root, "etc/logrotate.d/relaywarden"), encoding="ascii") as file:
        # The user need not exist on the machine that builds.
        conf.write_text(file.read().replace("su relaywarden adm", "su root root"))
    done = run([shutil.which("logrotate") or "/usr/sbin/logrotate", "--debug", "--state",
                str(tmp_path / "state"), str(conf)])
    assert "error" not in done.stderr.lower()
