#!/usr/bin/python3
"""Runs the image (make image) with podman beside a real Postfix.

podman's packages would upgrade others: it lives in a root of its own, build/suites/podman, which is debootstrapped
once and kept. Everything runs in namespaces; the network has a loopback device alone, which Postfix and the container
share. No registry is asked. One line for each step, and `N passed, N failed`.
"""

import json
import os
import re
import shlex
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.abspath(__file__)
ROOT = os.path.dirname(os.path.dirname(HERE))
SUITE = "bookworm"
PACKAGES = ["podman", "crun", "postfix", "python3", "python3-distutils"]
# No cgroups are made, and no limits are raised.
PODMAN = ["podman", "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime=crun"]
RUN = ["run", "--cgroups=disabled", "--ulimit=host", "--network=host", "--read-only", "--log-driver=k8s-file",
       "--cap-drop=all", "--security-opt=no-new-privileges"]
IMAGE = "relaywarden"
HANGS = 60
SETTINGS = {"RELAYWARDEN_DOMAINS": "example.org", "RELAYWARDEN_TRUSTED_NETWORKS": "192.0.2.0/28"}
CONFIGURATION = """site { domains = { "example.org" } }
milter { socket = "inet:8895@127.0.0.1" socket_group = "" user = "USER" }
alert { json = "-" syslog { format = none } }
"""


def podman(*arguments, check=True):
    return subprocess.run([*PODMAN, *arguments], check=check, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)


def start(name, *command, settings=None, more=()):
    """In the background."""
    given = [f"--env={key}={value}" for key, value in (settings or {}).items()]
    podman(*RUN, "--detach", f"--name={name}", *given, *more, IMAGE, *command)


def start_as_printed(name):
    """In the background, by the command of doc/container.md."""
    with open("/container.md", encoding="utf-8") as file:
        words, = re.findall(rf"^podman run (--detach --name {name} .*)$", file.read(), re.MULTILINE)
    podman("run", "--cgroups=disabled", "--ulimit=host", "--log-driver=k8s-file", *shlex.split(words))


def once(*command, settings=None, more=()):
    given = [f"--env={key}={value}" for key, value in (settings or {}).items()]
    return podman(*RUN, "--rm", *given, *more, IMAGE, *command, check=False)


def wait_for(what, probe):
    end = time.monotonic() + HANGS
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < end, f"{what}: not so after {HANGS} s"
        time.sleep(0.1)


def logs(name):
    return podman("logs", name, check=False).stdout


def alerts(name):
    return [json.loads(line) for line in logs(name).splitlines() if line.startswith("{")]


def get(path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:9825{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except (urllib.error.URLError, OSError) as error:
        return getattr(error, "code", None), ""


def stop(name):
    podman("stop", "--time=30", name)
    code = int(podman("inspect", "--format={{.State.ExitCode}}", name).stdout)
    podman("rm", name)
    return code


def start_postfix():
    for setting in ("compatibility_level=3.6", "myhostname=mx.example.org", "mydestination=example.org",
                    "inet_interfaces=loopback-only", "inet_protocols=ipv4", "local_recipient_maps=", "alias_maps=",
                    "alias_database=", "mynetworks=127.0.0.0/8", "maillog_file=/var/log/postfix.log",
                    "smtpd_milters={ inet:127.0.0.1:8895, default_action=accept, connect_timeout=2s }"):
        subprocess.run(["postconf", "-e", setting], check=True)
    subprocess.run(["postfix", "start"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("Postfix's greeting", greets)


def greets():
    try:
        smtplib.SMTP("127.0.0.1", 25, timeout=5).quit()
        return True
    except OSError:
        return False


def relay():
    client = smtplib.SMTP("127.0.0.1", 25, local_hostname="client.example.net", timeout=30)
    client.ehlo()
    assert client.mail("a@sender.example.net")[0] == 250
    assert client.rcpt("b@outside.example.net")[0] == 250
    client.rset()
    client.quit()


# ---- what is shown, in this order ----------------------------------------------------------------


def the_image_is_loaded_without_a_registry():
    loaded = podman("load", "--input", "/image.tar").stdout
    name = loaded.split()[-1]
    podman("tag", name, IMAGE)


def an_alert_is_json_on_standard_output():
    start_as_printed("filter")
    wait_for("health", lambda: get("/-/healthy")[0] == 200)
    start_postfix()
    begin = time.monotonic()
    relay()
    alert = wait_for("the alert", lambda: alerts("filter"))[0]
    print(f"   the alert came after {time.monotonic() - begin:.1f} s", flush=True)
    assert (alert["kind"], alert["state"], alert["evidence"]["client"]) == ("open-relay", "opened", "127.0.0.1")


def the_page_that_an_alert_names_is_in_the_image():
    """The printed command, from a container that does not run: within a chroot, podman looks for the files of one that
    runs in the wrong root."""
    page = alerts("filter")[0]["page"]
    with open("/container.md", encoding="utf-8") as file:
        assert f"podman cp filter:{page} ." in file.read().splitlines()
    podman("create", "--name=page", IMAGE)
    podman("cp", f"page:{page}", "/page.md")
    podman("rm", "page")
    with open("/page.md", encoding="utf-8") as file:
        assert file.readline().startswith("# ")


def it_runs_as_nobody_in_particular_and_writes_to_its_volume_alone():
    process = podman("inspect", "--format={{.State.Pid}}", "filter").stdout.strip()
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    assert status["Uid"].split() == status["Gid"].split() == ["65532"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    mounted = json.loads(podman("inspect", "filter").stdout)[0]
    assert mounted["HostConfig"]["ReadonlyRootfs"]
    volume, = [mount for mount in mounted["Mounts"] if mount["Destination"] == "/var/lib/relaywarden"]
    wait_for("its state", lambda: os.path.exists(os.path.join(volume["Source"], "milter/relaywarden.db")))


def health_and_metrics_are_served():
    assert get("/-/ready")[0] == 200
    assert "relaywarden_milter_recipients_total" in get("/metrics")[1]


def it_stops_when_told_and_mail_flows_without_it():
    assert stop("filter") == 0
    relay()


def the_probe_asks_and_exits_as_a_plugin():
    asked = once("relaywarden-probe", "check", "--domain", "example.org", "--canary", "canary@outside.example.net",
                 "127.0.0.1")
    assert asked.returncode in (0, 3) and asked.stdout.startswith("RELAY "), asked.stdout


def the_probe_is_a_daemon_with_a_page():
    start("probe", "relaywarden-probe", "run", settings={
        **SETTINGS, "RELAYWARDEN_CANARY": "canary@outside.example.net", "RELAYWARDEN_TARGETS": "127.0.0.1"})
    wait_for("health", lambda: get("/-/healthy")[0] == 200)
    wait_for("the first audit", lambda: "127.0.0.1" in get("/api/v1/endpoints")[1])
    assert "<html" in get("/")[1]
    assert stop("probe") == 0
    start_as_printed("probe")
    wait_for("health", lambda: get("/-/healthy")[0] == 200)
    assert stop("probe") == 0


def a_mistake_names_its_variable():
    said = once(settings={**SETTINGS, "RELAYWARDEN_ENFORCE": "hodl"})
    assert said.returncode == 78 and "RELAYWARDEN_ENFORCE: enforce: \"hodl\"" in said.stdout, said.stdout
    said = once()
    assert said.returncode == 78 and "/etc/relaywarden/relaywarden.conf" in said.stdout, said.stdout


def a_file_does_instead_of_variables():
    with open("/relaywarden.conf", "w", encoding="utf-8") as file:
        file.write(CONFIGURATION.replace("USER", ""))
    os.chmod("/relaywarden.conf", 0o644)
    mount = ["--volume=/relaywarden.conf:/etc/relaywarden/relaywarden.conf:ro"]
    assert once("relaywarden-milter", "-t", more=mount).returncode == 0
    both = once("relaywarden-milter", "-t", settings=SETTINGS, more=mount)
    assert both.returncode == 78 and "there is a file" in both.stdout, both.stdout


def root_without_capabilities_is_told_what_to_do():
    with open("/relaywarden.conf", "w", encoding="utf-8") as file:
        file.write(CONFIGURATION.replace("USER", "relaywarden"))
    said = once(more=["--user=0", "--volume=/relaywarden.conf:/etc/relaywarden/relaywarden.conf:ro"])
    assert said.returncode == 71 and "start it as that user" in said.stdout, said.stdout


STEPS = [the_image_is_loaded_without_a_registry, an_alert_is_json_on_standard_output,
         the_page_that_an_alert_names_is_in_the_image,
         it_runs_as_nobody_in_particular_and_writes_to_its_volume_alone, health_and_metrics_are_served,
         it_stops_when_told_and_mail_flows_without_it, the_probe_asks_and_exits_as_a_plugin,
         the_probe_is_a_daemon_with_a_page, a_mistake_names_its_variable, a_file_does_instead_of_variables,
         root_without_capabilities_is_told_what_to_do]


def inside():
    failed = 0
    for step in STEPS:
        try:
            step()
            print(f"ok {step.__name__}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            said = getattr(error, "output", None) or ""
            print(f"FAILED {step.__name__}: {error!r}\n{said}", flush=True)
            for name in ("filter", "probe"):
                print(logs(name), flush=True)
    print(f"{len(STEPS) - failed} passed, {failed} failed")
    return 1 if failed else 0


def outside(image):
    from suite import MIRROR, Suite, output_of  # pylint: disable=import-outside-toplevel
    suite = Suite(SUITE, output_of(["dpkg", "--print-architecture"]), os.path.join(ROOT, "build/suites/podman"))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        if not (suite.make(log, MIRROR) and suite.inside(
                f"command -v podman >/dev/null || {{ apt-get -q update && apt-get -q -y install "
                f"--no-install-recommends {' '.join(PACKAGES)}; }}", log)):
            log.seek(0)
            sys.exit(log.read()[-8000:])
    shutil.copy(image, os.path.join(suite.root, "image.tar"))
    shutil.copy(HERE, os.path.join(suite.root, "image.py"))
    shutil.copy(os.path.join(ROOT, "doc/container.md"), suite.root)
    # Its own file system for what podman keeps, since containers' roots are mounted there.
    return subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-ec",
         'ip link set lo up; mount --bind "$1" "$1"; mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; '
         'mount -t sysfs sysfs "$1/sys"; mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"; mount -t tmpfs tmpfs "$1/run"; mkdir -p "$1/var/lib/containers"; mount -t tmpfs tmpfs "$1/var/lib/containers"; '
         'exec chroot "$1" /usr/bin/python3 /image.py --inside', "sh", suite.root], check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}).returncode


if __name__ == "__main__":
    sys.exit(inside() if sys.argv[1:] == ["--inside"] else outside(sys.argv[1]))
