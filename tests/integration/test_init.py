"""`init` writes a configuration: by options, by questions on a terminal, by what --discover printed."""

import os
import pty
import subprocess

import pytest

from lab import Postfix, program, run

PROBE = program("relaywarden-probe")
MILTER = program("relaywarden-milter")
CANARY = "canary@outside.example.net"


def init(*arguments, **keywords):
    return run([PROBE, "init", *arguments], check=False, **keywords)


def assert_taken(path):
    for name in (PROBE, MILTER):
        done = run([name, "--config", str(path), "-t"], check=False)
        assert done.returncode == 0 and "configuration is valid" in done.stdout, done.stdout + done.stderr


def test_options_become_a_configuration_that_both_programs_take(tmp_path):
    path = tmp_path / "relaywarden.conf"
    done = init(str(path), "--domain", "example.org", "--domain", ".example.com", "--trusted", "192.0.2.0/28",
                "--canary", CANARY, "--target", "mx.example.org", "--target", "2001:db8::25", "--target",
                "domain:example.org")
    assert done.returncode == 0, done.stderr
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert_taken(path)
    text = path.read_text()
    assert 'domains = { "example.org", ".example.com" }' in text
    assert '"::1/128", "192.0.2.0/28" }' in text
    assert 'host = "2001:db8::25"' in text and 'domain = "example.org"' in text
    assert text.count("#") > 8  # it explains itself


def test_a_file_that_is_there_stays_as_it_is(tmp_path):
    path = tmp_path / "relaywarden.conf"
    path.write_text("mine\n")
    done = init(str(path), "--domain", "example.org", "--canary", CANARY)
    assert done.returncode == 3 and "is there already and stays as it is" in done.stderr
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("arguments, told", [
    ([], "your domain is not known; give --domain"),
    (["--domain", "example.org", "--canary", "a@example.org"], "canary"),
    (["--domain", 'exa"mple', "--canary", CANARY], "is no domain"),
    (["--domain", "example.org", "--canary", CANARY, "--trusted", "0.0.0.0/0"], "trusts strangers"),
    (["--domain", "example.org", "--canary", CANARY, "--target", "mx.example.org:587"], "host"),
    (["--canary", CANARY, *[word for i in range(300) for word in ("--domain", f"domain-{i}.example.org")]],
     "init takes 4095 octets of --domain; name some here, and the others in a file of domain_files"),
    (["--domain", "example.org", "--canary", CANARY,
      *[word for i in range(300) for word in ("--trusted", f"192.0.2.{i % 256}/32")]], "4095 octets of --trusted"),
    (["--domain", "example.org", "--canary", CANARY,
      *[word for i in range(300) for word in ("--target", f"server-{i}.example.org")]], "4095 octets of --target"),
    (["--site", "/nonexistent/site", "--canary", CANARY, "--target", "a.test"], "--site: /nonexistent/site"),
], ids=lambda value: value if isinstance(value, str) else " ".join(value[:6]))
def test_what_neither_program_would_take_is_not_written(tmp_path, arguments, told):
    path = tmp_path / "relaywarden.conf"
    done = init(str(path), *arguments)
    assert done.returncode == 3 and told in done.stderr
    assert not path.exists()


def test_questions_are_asked_on_a_terminal(tmp_path):
    path = tmp_path / "relaywarden.conf"
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROBE, "init", str(path)], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, f"example.org, example.com\n192.0.2.0/28\n{CANARY}\n\n".encode())
    assert process.wait(60) == 0
    os.close(ours)
    assert_taken(path)
    text = path.read_text()
    assert 'domains = { "example.org", "example.com" }' in text and '"192.0.2.0/28"' in text
    assert f'canary = "{CANARY}"' in text
    assert 'target "example.org" {\n        domain = "example.org"' in text


def test_what_discover_printed_on_a_mail_host_is_the_sites_part(shared_lab, tmp_path):
    postfix = Postfix(shared_lab, shared_lab.host("mx"), main={"relay_domains": "relayed.test"})
    postfix.write()
    found = postfix.host.run([MILTER, f"--discover={postfix.etc}"], env=postfix.programs.environment()).stdout
    path = tmp_path / "relaywarden.conf"
    done = init(str(path), "--site", "-", "--canary", CANARY, "--target", "mx.example.org", input=found)
    assert done.returncode == 0, done.stderr
    assert_taken(path)
    assert found.strip() in path.read_text() and '"relayed.test"' in path.read_text()


@pytest.mark.parametrize("closed", [(0,), (0, 1), (1, 2), (0, 1, 2)], ids=str)
def test_a_configuration_is_read_with_standard_streams_closed(tmp_path, closed):
    path = tmp_path / "relaywarden.conf"
    assert init(str(path), "--domain", "example.org", "--canary", CANARY, "--target",
                "mx.example.org").returncode == 0
    for name in (PROBE, MILTER):
        done = subprocess.run([name, "--config", str(path), "-t"], check=False, timeout=60, encoding="utf-8",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=lambda: [os.close(stream) for stream in closed])
        if 1 in closed:  # the answer has nowhere to go: that is an error of output, not of configuration
            assert done.returncode == {PROBE: 3, MILTER: 74}[name]
            assert 2 in closed or "could not be written" in done.stderr
        else:
            assert done.returncode == 0 and "configuration is valid" in done.stdout
        assert "cannot" not in done.stderr and "memory" not in done.stderr
