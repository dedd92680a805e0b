"""Alerts at the receivers that operators have: standard output's reader, HTTP servers, Alertmanager."""

import json
import os
import re
import socket
import ssl
import subprocess
import threading
from contextlib import suppress

import pytest

from lab import Config, program, wait_until
from lab.process import LogFile
from lab.servers import SERVERS
from test_alert_crash import driver

NO_SYSLOG = {"syslog": {"format": "none"}}


def tell(folder, alert, orders, **keywords):
    """The path of alerts alone, with these settings; returns what is left of it."""
    os.makedirs(os.path.join(folder, "probe"), exist_ok=True)
    config = Config(alert={**NO_SYSLOG, **alert}, state_directory=str(folder))
    path = config.write(os.path.join(folder, "relaywarden.conf"))
    return subprocess.run([driver(), path, "probe", "/nonexistent"], input=orders, check=True,
                          encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)


def test_standard_output_gets_one_object_a_line(tmp_path):
    done = tell(tmp_path, {"json": "-"}, "+ one\n+ two\n- one\n")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((alert["subject"]["network"], alert["state"]) for alert in told) == [
        ("one", "opened"), ("one", "resolved"), ("two", "opened")]
    assert "not saved" not in done.stderr and "CRITICAL" not in done.stderr


def test_a_closed_standard_output_is_told_and_alerts_are_on_standard_error(tmp_path):
    done = tell(tmp_path, {"json": "-"}, "+ one\n", preexec_fn=lambda: os.close(1))
    assert "alerts do not reach json: standard output is not open for writing" in done.stderr
    assert "CRITICAL open-relay" in done.stderr


# ---- HTTP ----

class Web:
    """The real nginx on loopback: each path answers as its name says; bodies are in its log."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.log = LogFile(os.path.join(self.folder, "requests"))
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            two.bind(("127.0.0.1", 0))
            self.port, self.tls_port = one.getsockname()[1], two.getsockname()[1]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                        "-subj", "/CN=alerts.example.org", "-keyout", f"{folder}/key.pem",
                        "-out", f"{folder}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
        self.process = None

    def start(self):
        server = """
  location = /taken {{ proxy_pass http://127.0.0.1:{port}/body; access_log {log} body; }}
  location /_matrix/ {{ proxy_pass http://127.0.0.1:{port}/body; access_log {log} body; }}
  location = /body {{ return 204; }}
  location = /500 {{ return 500; }}
  location = /404 {{ return 404; }}
  location = /made-later {{ access_log {log}.later body; if (-f {log}.made) {{ return 204; }} return 404; }}
  location = /301 {{ return 301 http://127.0.0.1:{port}/taken; }}
""".format(port=self.port, log=self.log.path)
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"""
daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {self.folder}; proxy_temp_path {self.folder};
  fastcgi_temp_path {self.folder}; uwsgi_temp_path {self.folder}; scgi_temp_path {self.folder};
  log_format body escape=json '{{"method":"$request_method","uri":"$request_uri",'
    '"authorization":"$http_authorization","title":"$http_title","type":"$content_type",'
    '"priority":"$http_priority","body":"$request_body"}}';
  server {{ listen 127.0.0.1:{self.port}; {server} }}
  server {{ listen 127.0.0.1:{self.tls_port} ssl; ssl_certificate {self.folder}/cert.pem;
           ssl_certificate_key {self.folder}/key.pem; {server} }}
}}
""")
        binary = os.path.join(SERVERS, "nginx/usr/sbin/nginx")
        self.process = subprocess.Popen([binary, "-c", path, "-p", self.folder,
                                         "-e", f"{self.folder}/error.log"])
        wait_until(self.answers, 10, "nginx")
        return self

    def answers(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def url(self, path, tls=False):
        return f"http{'s' if tls else ''}://127.0.0.1:{self.tls_port if tls else self.port}{path}"

    def requests(self):
        return [json.loads(line) for line in self.log.lines()]


@pytest.fixture
def web(tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    served = Web(folder).start()
    yield served
    served.stop()


def secrets(folder, text="# of the receiver\nAuthorization: Bearer s3cret\n"):
    path = os.path.join(folder, "headers")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o600)
    return path


def test_a_webhook_gets_each_form_and_the_secrets_of_its_file(tmp_path, web):
    room = "/_matrix/client/v3/rooms/!id:example.org/send/m.room.message"
    for form in ("json", "slack", "matrix", "ntfy"):
        tell(tmp_path / form, {"webhook": {
            "url": web.url(room if form == "matrix" else "/taken"), "format": form,
            "header_file": secrets(tmp_path)}}, f"+ <{form}> &c\n")
    got = web.requests()
    assert [request["authorization"] for request in got] == ["Bearer s3cret"] * 4
    assert [request["method"] for request in got] == ["POST", "POST", "PUT", "POST"]
    told = json.loads(got[0]["body"])
    assert (told["kind"], told["state"], told["subject"]["network"]) == (
        "open-relay", "opened", "<json> &c")
    slack = json.loads(got[1]["body"])["text"]
    assert slack.startswith("CRITICAL open-relay: &lt;slack&gt; &amp;c was granted relaying\nDo this: ")
    matrix = json.loads(got[2]["body"])
    assert matrix["msgtype"] == "m.text" and "<matrix> &c was granted relaying" in matrix["body"]
    assert re.fullmatch(re.escape(room) + r"/[0-9a-f]{16}\.opened\.\d+", got[2]["uri"])
    assert got[3]["body"].startswith("CRITICAL open-relay: <ntfy> &c")
    assert got[3]["body"].endswith("\nMore: " + told["page"])
    assert (got[3]["title"], got[3]["priority"]) == ("CRITICAL open-relay", "urgent")


@pytest.mark.parametrize("path, tls, words", [
    ("/500?key=s3cret", False, "answered 500: it is in trouble itself"),
    ("/404?key=s3cret", False, "answered 404: it knows no such path"),
    ("/301?key=s3cret", False, "answered 301: it leads elsewhere"),
    ("/taken?key=s3cret", True, "certificate"),
    (None, False, "connect"),
])
def test_a_webhook_that_fails_is_told_without_secrets_and_costs_the_others_nothing(
        tmp_path, web, path, tls, words):
    url = web.url(path or "/taken?key=s3cret", tls)
    if path is None:
        web.stop()
    done = tell(tmp_path / "state", {"json": "-", "webhook": {
        "url": url, "header_file": secrets(tmp_path)}}, "+ one\n- one\n")
    assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == ["opened", "resolved"]
    told = [line for line in done.stderr.splitlines() if "do not reach webhook" in line]
    assert len(told) == 1 and words in told[0]
    assert "s3cret" not in done.stderr
    assert not web.requests()


def test_an_alert_waits_for_a_webhook_that_comes_back(tmp_path, web):
    web.stop()
    config = Config(alert={**NO_SYSLOG, "json": "-", "webhook": {"url": web.url("/taken")}},
                    state_directory=str(tmp_path))
    os.makedirs(tmp_path / "probe")
    path = config.write(str(tmp_path / "relaywarden.conf"))
    with subprocess.Popen([driver(), path, "probe", "/nonexistent"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdin.write("+ one\nflush\n+ two\nflush\n")
        process.stdin.flush()
        for _ in range(4):
            process.stdout.readline()
        web.start()
        wait_until(lambda: len(web.requests()) == 2, 60, "what waited")
        _, stderr = process.communicate("")
    assert [json.loads(request["body"])["subject"]["network"] for request in web.requests()] == [
        "one", "two"]
    assert "alerts reach webhook again; 0 were lost" in stderr


class Driven:
    """The path of alerts alone, as it goes on while a test does something to its receivers."""

    def __init__(self, folder, alert, prefix=()):
        self.folder, self.prefix = str(folder), prefix
        os.makedirs(os.path.join(self.folder, "probe"), exist_ok=True)
        self.path = self.configure(alert)
        self.stderr = os.path.join(self.folder, "stderr")

    def configure(self, alert):
        return Config(alert={**NO_SYSLOG, **alert}, state_directory=self.folder).write(
            os.path.join(self.folder, "relaywarden.conf"))

    def __enter__(self):
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(
                [*self.prefix, driver(), self.path, "probe", "/nonexistent"], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        return self

    def __exit__(self, *failure):
        self.process.communicate("", timeout=90)

    def order(self, *orders):
        """Waits for the answer of the last one, which has one."""
        for order in orders:
            self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        answer = {"flush": "done", "reload": "reloaded"}[orders[-1]]
        while self.process.stdout.readline().strip() != answer:
            assert self.process.poll() is None

    def said(self):
        with open(self.stderr, encoding="utf-8") as file:
            return file.read()


def subjects_of(web):
    return [json.loads(request["body"])["subject"]["network"] for request in web.requests()]


def test_a_reload_passes_on_what_waits_for_a_webhook(tmp_path, web):
    alert = {"json": str(tmp_path / "alerts.json"), "webhook": {"url": web.url("/500")}}
    with Driven(tmp_path, alert) as driven:
        driven.order("+ one", "flush")
        wait_until(lambda: "answered 500" in driven.said(), 10, driven.said)
        driven.configure({**alert, "webhook": {"url": web.url("/taken")}})
        driven.order("reload", "+ two", "flush")
        wait_until(lambda: len(web.requests()) == 2, 30, "what waited")
    assert subjects_of(web) == ["one", "two"]
    assert "alerts reach webhook again; 0 were lost" in driven.said()
    assert "did not reach" not in driven.said()


def test_an_alert_that_is_given_up_while_it_waits_is_counted(tmp_path, web):
    alert = {"json": str(tmp_path / "alerts.json"), "webhook": {"url": web.url("/made-later")}}
    web.stop()
    with Driven(tmp_path, alert) as driven:
        driven.order("+ one", "flush", "+ two", "flush")
        web.start()
        asked = LogFile(web.log.path + ".later")
        # Both are refused once they are tried again; what comes then is taken.
        wait_until(lambda: len(asked.lines()) == 2, 30, driven.said)
        (tmp_path / "web" / "requests.made").touch()
        driven.order("+ three", "flush")
    assert "alerts reach webhook again; 2 were lost" in driven.said()


def test_a_header_file_that_cannot_be_read_yet_is_read_when_it_can(tmp_path, web):
    path = tmp_path / "headers"
    alert = {"json": str(tmp_path / "alerts.json"),
             "webhook": {"url": web.url("/taken"), "header_file": str(path)}}
    secrets(tmp_path)
    with Driven(tmp_path, alert) as driven:
        driven.order("flush")
        path.unlink()
        driven.order("reload", "+ one", "flush")
        wait_until(lambda: "cannot read header_file" in driven.said(), 10, driven.said)
        assert not web.requests()
        secrets(tmp_path)
        wait_until(web.requests, 30, "what waited")
    assert [request["authorization"] for request in web.requests()] == ["Bearer s3cret"]
    assert "alerts reach webhook again; 0 were lost" in driven.said()


def test_a_certificates_owner_is_made_printable(tmp_path):
    """A receiver whose certificate is trusted, and whose owner's name would turn the line around."""
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-utf8",
                    "-subj", "/CN=one\u202eeno", "-keyout", key, "-out", cert,
                    "-addext", "basicConstraints=critical,CA:TRUE"],
                   check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            connection, _ = listener.accept()
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)
        thread = threading.Thread(target=serve)
        thread.start()
        trusting = ("unshare", "--mount", "sh", "-c",
                    'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"', cert)
        with Driven(tmp_path, {"json": str(tmp_path / "alerts.json"), "webhook": {
                "url": f"https://127.0.0.1:{listener.getsockname()[1]}/"}}, trusting) as driven:
            driven.order("+ one", "flush")
        thread.join(10)
    line, = [line for line in driven.said().splitlines() if "do not reach webhook" in line]
    assert "one\\u{202E}eno" in line and "\u202e" not in line


def test_an_answer_without_end_and_one_that_never_comes_are_cut_off(tmp_path):
    def endless(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            connection, _ = listener.accept()
            with connection:
                endless(connection)
        thread = threading.Thread(target=serve)
        thread.start()
        done = tell(tmp_path, {"webhook": {
            "url": f"http://127.0.0.1:{listener.getsockname()[1]}/"}}, "+ one\n")
        thread.join(10)
        assert not thread.is_alive()
    assert "webhook" not in done.stderr


@pytest.mark.parametrize("text, mode, words", [
    ("Authorization: Bearer x\n", 0o644, "is open to others"),
    ("Authorization Bearer x\n", 0o600, "line 1 is no header"),
    (None, 0, "cannot read header_file"),
])
def test_a_header_file_that_is_of_no_use_is_a_mistake_of_its_configuration(
        tmp_path, text, mode, words):
    path = tmp_path / "headers"
    if text is not None:
        path.write_text(text, encoding="ascii")
        path.chmod(mode)
    config = Config(alert={"webhook": {"url": "https://alerts.example.org/s3cret",
                                       "header_file": str(path)}})
    file = config.write(str(tmp_path / "relaywarden.conf"))
    done = subprocess.run([program("relaywarden-milter"), "-t", "--config", file], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 78
    assert words in done.stderr and "s3cret" not in done.stderr


# ---- a test by hand ----

@pytest.mark.parametrize("argv", [["relaywarden-probe", "alert-test"],
                                  ["relaywarden-milter", "--alert-test"]])
def test_a_test_goes_through_every_sink_and_each_is_told(tmp_path, web, argv):
    config = Config(alert={**NO_SYSLOG, "json": str(tmp_path / "alerts.json"),
                           "webhook": {"url": web.url("/taken")}}, state_directory=str(tmp_path))
    path = config.write(str(tmp_path / "relaywarden.conf"))
    command = [program(argv[0]), argv[1], "--config", path]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert "json: taken\n" in done.stderr and "webhook: taken\n" in done.stderr
    file = json.loads((tmp_path / "alerts.json").read_text())
    body = json.loads(web.requests()[0]["body"])
    assert file == body
    assert (body["kind"], body["state"]) == ("alert-test", "opened")
    assert body["why"] == "this is a test of the alerts: nothing is wrong"
    web.stop()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == (2 if "probe" in argv[0] else 69)
    assert "json: taken\n" in done.stderr and "webhook: not taken: 127.0.0.1" in done.stderr
