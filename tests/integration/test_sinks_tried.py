"""-t tries what the program will write to and run; a program without any sink that works does not start."""

import os
import re
import shutil
import tempfile

import pytest

from lab import Config, Milter, build_folder
from site_of_tests import Site

NO_SYSLOG = {"syslog": {"format": "none"}, "journal": "no"}


@pytest.fixture(scope="module")
def site(shared_lab):
    return Site(shared_lab)


PROBE = os.path.join(build_folder(), "relaywarden-probe")


def config_of(site, alert, **options):
    return Config(alert=alert, **options).write(
        os.path.join(site.mx.new_folder("probe"), "relaywarden.conf"))


def listing(folder):
    return sorted((path, sorted(files), os.lstat(path).st_mtime_ns)
                  for path, _, files in os.walk(folder))


def milter_with(site, alert, **options):
    site.milters += 1
    return Milter(site.lab, site.mx, Config(alert=alert, **options), postfix=site.postfix,
                  name=f"milter{site.milters}")


@pytest.mark.parametrize("case, words", [
    ("device", "no regular file"), ("fifo", "no regular file"), ("folder", "is a directory"),
    ("below a file", "no directory"), ("loop", "symbolic links"),
    ("where no file can be made", "cannot be written by user"), ("metrics where no file can be made", "cannot be written by user"),
    ("dangling", "No such file or directory"), ("dangling, relative", "No such file or directory"),
    ("command is a folder", "no regular file"),
    ("command cannot be run", "not executable"), ("metrics is a file", "no directory")])
def test_t_refuses_what_the_program_could_not_use(site, case, words):
    folder = site.mx.new_folder("tried")
    path = os.path.join(folder, "alerts.json")
    alert = {"json": path}
    if case == "device":
        alert["json"] = "/dev/stdout"
    elif case == "where no file can be made":
        alert["json"] = "/proc/alerts.json"  # root may write to it
    elif case == "metrics where no file can be made":
        alert = {"json": "", "metrics_directory": "/proc"}
    elif case == "fifo":
        os.mkfifo(path)
    elif case == "folder":
        os.mkdir(path)
    elif case == "below a file":
        open(path, "w", encoding="ascii").close()
        alert["json"] = path + "/alerts.json"
    elif case == "loop":
        os.symlink(path, path)
    elif case == "dangling":
        os.symlink(os.path.join(folder, "missing/alerts.json"), path)
    elif case == "dangling, relative":
        os.mkdir(os.path.join(folder, "there"))
        os.symlink("there/next", path)
        os.symlink("../missing/alerts.json", os.path.join(folder, "there/next"))
    elif case.startswith("command"):
        command = os.path.join(folder, "run")
        os.mkdir(command) if "folder" in case else open(command, "w", encoding="ascii").close()
        alert["command"] = [command]
    else:
        open(path, "w", encoding="ascii").close()
        alert = {"json": "", "metrics_directory": path}
    before = listing(folder)
    milter = milter_with(site, alert)
    done = milter.run("-t")
    assert done.returncode == 78, done
    assert words in done.stderr
    assert re.search(rf"^{re.escape(milter.path)}:[1-9]\d*: ", done.stderr, re.M)
    if "dangling" not in case and "made" not in case:  # those the probe tries as the user of its state
        checked = site.mx.run([PROBE, "-t", "--config", config_of(site, alert)], check=False)
        assert checked.returncode != 0 and words in checked.stderr
    assert listing(folder) == before


@pytest.mark.parametrize("option", ["json", "metrics_directory", "state_directory"])
def test_t_tries_as_the_user_that_the_filter_will_be(site, request, option):
    above = tempfile.mkdtemp(dir="/var/tmp")
    request.addfinalizer(lambda: shutil.rmtree(above))
    folder, state = os.path.join(above, "denied"), os.path.join(above, "state")
    os.mkdir(folder)
    os.mkdir(state)
    for path, mode in ((above, 0o755), (folder, 0o755), (state, 0o777)):
        os.chmod(path, mode)
    alert, options = {"json": ""}, {"state_directory": state}
    if option == "state_directory":
        options[option] = folder
    else:
        alert[option] = folder if option == "metrics_directory" else os.path.join(folder, "a.json")
    milter = milter_with(site, alert, milter={"user": "nobody"}, **options)
    os.chmod(milter.path, 0o644)
    done = milter.run("-t")
    assert done.returncode == 78
    assert f"{option}: " in done.stderr and "by user nobody: Permission denied" in done.stderr
    for path, _, _ in os.walk(above):
        os.chown(path, 65534, 65534)
    before = listing(above)
    done = milter.run("-t")
    assert done.returncode == 0, done.stderr
    assert listing(above) == before


def test_t_follows_relative_links_to_where_the_file_is_made(site):
    folder = site.mx.new_folder("tried")
    os.mkdir(os.path.join(folder, "there"))
    os.symlink("there/next", os.path.join(folder, "alerts.json"))
    os.symlink("../made.json", os.path.join(folder, "there/next"))
    done = milter_with(site, {"json": os.path.join(folder, "alerts.json")}).run("-t")
    assert done.returncode == 0, done.stderr
    assert not os.path.exists(os.path.join(folder, "made.json"))


def test_a_missing_folder_for_the_json_file_is_refused_only_where_no_other_sink_is_set(site):
    state = site.mx.new_folder("state")
    missing = {"json": "/nonexistent/alerts.json"}
    sentence = ("no sink works, so nobody would hear of an alert (name one that does in alert { }): "
                "json: cannot open ")
    for alert, code in (({**NO_SYSLOG, **missing}, 78), (missing, 0)):
        done = milter_with(site, alert, state_directory=state).run("-t")
        checked = site.mx.run([PROBE, "-t", "--config", config_of(site, alert, state_directory=state)],
                              check=False)
        assert (done.returncode, checked.returncode) == (code, 3 if code else 0), (done, checked)
        for each in (done, checked):
            assert "directory \"/nonexistent\" does not exist yet" in each.stderr
            assert (sentence in each.stderr) == (code != 0)
    assert sentence in milter_with(site, {**NO_SYSLOG, **missing}).run().stderr


def test_t_as_another_user_says_that_it_tried_nothing(site):
    state = site.mx.new_folder("state")
    milter = milter_with(site, {"json": ""}, milter={"user": "nobody"}, state_directory=state)
    os.chmod(milter.path, 0o644)
    os.chmod(os.path.dirname(milter.path), 0o755)
    stranger = ["setpriv", "--reuid=65533", "--clear-groups"]
    for name, path in (("relaywarden-milter", milter.path),
                       ("relaywarden-probe", milter.path)):
        done = site.mx.run([*stranger, os.path.join(build_folder(), name), "-t", "--config", path],
                           check=False)
        assert done.returncode == 0, done
        assert "was not tried: " in done.stderr and "to try it: sudo " in done.stderr


@pytest.mark.parametrize("alert", [
    {"json": ""}, {"json": "/nonexistent/alerts.json"}, {"json": "", "metrics_directory": "/tmp"}])
def test_without_any_sink_that_works_it_does_not_start(site, alert):
    milter = milter_with(site, {**NO_SYSLOG, **alert})
    done = milter.run()
    assert done.returncode == 78
    assert "no sink works" in done.stderr
    assert not os.path.exists(site.postfix.milter_socket)
    done = site.outside.run([PROBE, "run", "--config", config_of(site, {**NO_SYSLOG, **alert})],
                            check=False)
    assert done.returncode == 78
    assert "no sink works" in done.stderr


def test_t_says_that_no_sink_is_set(site):
    alert = {**NO_SYSLOG, "json": ""}
    done = milter_with(site, alert).run("-t")
    assert done.returncode == 78
    assert "alert: no sink is set: syslog has format = none" in done.stderr
    state = site.mx.new_folder("state")
    checked = site.mx.run([PROBE, "-t", "--config", config_of(site, alert, state_directory=state)],
                          check=False)
    assert checked.returncode == 0  # a check prints what it finds
    assert "note: alert: no sink is set: syslog has format = none" in checked.stderr
    for sink in ({"journal": "yes"}, {"json": "/tmp/alerts.json"}, {"command": ["/bin/true"]}):
        done = milter_with(site, {**alert, **sink}).run("-t")
        assert "no sink is set" not in done.stderr


def test_a_syslog_daemon_that_is_not_there_is_no_sink(site):
    done = milter_with(site, {"json": ""}).run()
    assert done.returncode == 78
    assert "syslog: cannot connect to /dev/log" in done.stderr
