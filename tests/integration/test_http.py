"""Both daemons over HTTP: pages, an API, metrics and health; and clients that mean no good."""

import collections
import contextlib
import json
import os
import re
import resource
import signal
import socket
import threading
import time

import pytest

from lab import Config, Dns, Milter, Postfix, ProbeDaemon, browser, probe, program, wait_until
from lab.process import run

PORT = 9825
PLACE = f"127.0.0.1:{PORT}"
OPEN = {"mynetworks": "0.0.0.0/0, [::]/0", "in_flow_delay": "0s"}
TARGETS = {"mx": {"domain": "example.org", "ports": [25]},
           "other": {"host": "203.0.113.25", "ports": [2525]}}
GUARDS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "connection": "close",
}

Answer = collections.namedtuple("Answer", "status headers body")


def guards_of(answer):
    """They are the same on each answer; the page of the site is also allowed the one script that it may have."""
    headers = {name: answer.headers[name] for name in GUARDS}
    policy = headers["content-security-policy"]
    if "<h1" in answer.body:
        headers["content-security-policy"] = re.sub(r" script-src 'sha256-[A-Za-z0-9+/]{43}=';", "", policy)
    return headers


def read(connection):
    """All that comes until the server closes, as an Answer; None: it closed without a word."""
    octets = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            octets += part
    if not octets:
        return None
    head, _, body = octets.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Answer(int(re.match(r"HTTP/1\.1 (\d{3}) ", first).group(1)), headers,
                  body.decode("utf-8"))


class Asked:
    """A daemon that listens, and the host where it does."""

    def __init__(self, host, address="127.0.0.1", port=PORT):
        self.host = host
        self.address = address
        self.port = port

    def connect(self, timeout=30):
        return self.host.connect(self.address, self.port, timeout=timeout)

    def raw(self, octets):
        """The answer to these octets."""
        with self.connect() as connection:
            connection.sendall(octets.encode("latin-1") if isinstance(octets, str) else octets)
            return read(connection)

    def get(self, path, host=PLACE, method="GET"):
        return self.raw(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")


def config_of(folder, targets=None, **options):
    return Config(probe={"listen": PLACE, "listen_names": ["status.example.org", "198.51.100.200"],
                         **options},
                  targets=TARGETS if targets is None else targets,
                  state_directory=os.path.join(folder, "state"))


@pytest.fixture(scope="module")
def site(shared_lab):
    """A server that is open on port 25 and closed on 2525."""
    Dns(shared_lab).start()
    closed = ("203.0.113.25:2525", {"mynetworks": "127.0.0.0/8"})
    return Postfix(shared_lab, shared_lab.host("mx"), main=OPEN, listen=("25", closed)).start()


@pytest.fixture(scope="module")
def daemon(shared_lab, site):
    host = shared_lab.host("outside")
    started = ProbeDaemon(shared_lab, host, config_of(host.new_folder("http")), name="http-run")
    started.start()
    wait_until(lambda: started.log.find("RELAY CRITICAL"), 60, started.log.text)
    return started


@pytest.fixture(scope="module")
def asked(daemon):
    return Asked(daemon.host)


def report(daemon):
    done = probe(daemon.host, verb="report", config=daemon.config, as_json=True)
    assert done.code == 0
    return json.loads(done.out)


# ---- what there is ----


def test_every_path_has_its_type_and_is_guarded(asked):
    for path, status, kind in (
            ("/", 200, "text/html; charset=utf-8"),
            ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
            ("/probe?target=mx", 200, "text/plain; version=0.0.4; charset=utf-8"),
            ("/api/v1/endpoints", 200, "application/json"),
            ("/api/v1/incidents", 200, "application/json"),
            ("/endpoint/203.0.113.25%3A25", 200, "text/html; charset=utf-8"),
            ("/-/healthy", 200, "text/plain; charset=utf-8"),
            ("/-/ready", 200, "text/plain; charset=utf-8"),
            ("/probe", 400, "text/plain; charset=utf-8"),
            ("/endpoint/nobody", 404, "text/plain; charset=utf-8"),
            ("/nothing", 404, "text/plain; charset=utf-8")):
        answer = asked.get(path)
        assert (answer.status, answer.headers["content-type"]) == (status, kind), path
        assert guards_of(answer) == GUARDS
        assert int(answer.headers["content-length"]) == len(answer.body.encode())
        head = asked.get(path, method="HEAD")
        assert (head.status, head.body) == (status, "")
        assert head.headers["content-type"] == kind


def test_the_page_is_the_one_of_report_and_each_endpoint_has_its_own(daemon, asked):
    page = asked.get("/").body
    path = os.path.join(daemon.folder, "report.html")
    probe(daemon.host, "--html", path, verb="report", config=daemon.config, as_json=False)
    with open(path, encoding="utf-8") as file:
        written = file.read()

    def without_times(text):
        text = re.sub(r'<p><a href="endpoint/.*?</p>', "", text)
        return re.sub(r'Written <time.*?</time>', "", text)
    assert without_times(page).split("<svg")[0] == without_times(written).split("<svg")[0]
    links = re.findall(r'href="(endpoint/[^"]+)"', page)
    assert len(links) == len(report(daemon)["endpoints"]) and len(set(links)) == len(links)
    for link in links:
        alone = asked.get("/" + link)
        assert alone.status == 200 and alone.body.count("<article") == 1
        assert 'href="../"' in alone.body and "<details open" in alone.body
        assert "RCPT TO:" in alone.body


def test_the_api_has_what_report_has(daemon, asked):
    whole = report(daemon)
    endpoints = json.loads(asked.get("/api/v1/endpoints").body)
    incidents = json.loads(asked.get("/api/v1/incidents").body)
    assert endpoints["endpoints"] == whole["endpoints"] and len(whole["endpoints"]) >= 2
    assert incidents["incidents"] == whole["incidents"]
    assert {row["kind"] for row in incidents["incidents"]} >= {"open-relay"}
    assert "incidents" not in endpoints and "endpoints" not in incidents


def test_metrics_are_those_of_the_file_and_promtool_likes_them(daemon, asked):
    text = asked.get("/metrics").body
    assert 'relaywarden_probe_endpoints{verdict="open"}' in text
    assert 'relaywarden_build_info{program="relaywarden-probe"' in text
    for scrape in (text, asked.get("/probe?target=mx").body):
        done = run(["promtool", "check", "metrics"], check=False, input=scrape)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_target_is_asked_for_as_with_the_blackbox_exporter(asked):
    opened = asked.get("/probe?target=mx").body
    closed = asked.get("/probe?module=relay&target=%6fther").body
    assert "\nprobe_success 0\n" in opened and "\nprobe_success 1\n" in closed
    assert float(re.search(r"^probe_duration_seconds (\S+)$", closed, re.MULTILINE).group(1)) > 0
    last = re.search(r"^relaywarden_probe_last_audit_timestamp_seconds (\d+)$", closed, re.MULTILINE)
    assert abs(int(last.group(1)) - time.time()) < 600
    assert 'target="other"' in closed and 'target="mx"' not in closed
    for target in ("nobody", "203.0.113.25", "", "mx%00", "mx%20"):
        refused = asked.get(f"/probe?target={target}")
        assert refused.status == 400 and "probe_success" not in refused.body


def test_prometheus_scrapes_targets_the_blackbox_way(daemon, asked):
    folder = daemon.host.new_folder("prometheus")
    path = os.path.join(folder, "prometheus.yml")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"""
scrape_configs:
  - job_name: relaywarden
    scrape_interval: 1s
    metrics_path: /probe
    static_configs: [{{targets: [mx, other, nobody]}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: "{PLACE}"}}
""")
    with open(os.path.join(folder, "log"), "wb") as log:
        daemon.host.popen(
            ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={folder}/data",
             "--web.listen-address=127.0.0.1:9990"], stdout=log, stderr=log)

    def values(query):
        done = daemon.host.run(["curl", "-sgG", "--data-urlencode", f"query={query}",
                                "http://127.0.0.1:9990/api/v1/query"], check=False)
        found = json.loads(done.stdout)["data"]["result"] if done.returncode == 0 and \
            done.stdout.startswith("{") else []
        return {row["metric"]["instance"]: row["value"][1] for row in found}
    wait_until(lambda: len(values("up")) == 3, 60, "three scrapes")
    assert values("up") == {"mx": "1", "other": "1", "nobody": "0"}
    assert values("probe_success") == {"mx": "0", "other": "1"}


def test_before_the_first_audit_there_is_no_page_and_no_success(lab):
    host = lab.host("outside")
    mute = host.listen(2599)
    started = ProbeDaemon(lab, host, config_of(host.new_folder("first"), targets={
        "mute": {"host": host.address, "ports": [2599]}}, timeout="30s"), name="first-run").start()
    asked = Asked(host)
    assert asked.get("/").status == 503 and "no audit" in asked.get("/").body
    assert asked.get("/-/ready").body == "Ready: 1 target is audited.\n"
    assert asked.get("/-/healthy").body == "Healthy: an audit is under way.\n"
    first = asked.get("/probe?target=mute").body
    assert "\nprobe_success 0\n" in first
    assert "\nrelaywarden_probe_last_audit_timestamp_seconds 0\n" in first
    mute.close()
    assert started.stop() == 0


# ---- who asks ----


@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("LOCALHOST.:1", 200), ("a.localhost:80", 200), ("127.0.0.1", 200),
    ("127.1.2.3:9825", 200), ("[::1]:9825", 200), ("status.example.org", 200),
    ("198.51.100.200:8080", 200), ("outside.example.net", 200), ("outside", 200),
    ("evil.test", 421), ("localhost.evil.test", 421), ("status.example.org.evil.test", 421),
    ("example.org", 421), ("203.0.113.25", 421), ("[2001:db8::99]:9825", 421), ("0.0.0.0", 421),
    ("[::]", 421), ("2130706433", 421), ("", 400), ("a b", 400), ("::1", 400), ("a:b", 400),
    ("localhost/", 400), ("user@localhost", 400), ("localhost, evil.test", 400)])
def test_only_this_hosts_names_and_addresses_are_answered(asked, host, status):
    name = asked.host.hostname
    if host.startswith("outside"):
        host = name if host != "outside" else name.split(".")[0]
    assert asked.get("/metrics", host=host).status == status
    assert asked.get("/nothing", host=host).status == (404 if status == 200 else status)


def test_its_own_addresses_are_asked_of_the_system(asked):
    for address in asked.host.addresses:
        spelled = f"[{address}]" if ":" in address else address
        assert asked.get("/-/ready", host=f"{spelled}:9825").status == 200


def test_http_1_1_names_one_host_and_1_0_need_not(asked):
    assert asked.raw("GET /-/ready HTTP/1.0\r\n\r\n").status == 200
    assert asked.raw("GET /-/ready HTTP/1.1\r\n\r\n").status == 400
    assert asked.raw("GET /-/ready HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n").status == 400


# ---- requests ----


@pytest.mark.parametrize("line, status", [
    ("GET /%6detrics HTTP/1.1", 200), ("GET /metrics?x=/../ HTTP/1.1", 200),
    (f"GET http://{PLACE}/metrics HTTP/1.1", 200), ("GET http://localhost HTTP/1.1", 200),
    ("GET http://evil.test/metrics HTTP/1.1", 421), ("GET //metrics HTTP/1.1", 404),
    ("GET //evil.test/metrics HTTP/1.1", 404), ("GET /metrics/ HTTP/1.1", 404),
    ("GET /../metrics HTTP/1.1", 404), ("GET /%2e%2e/metrics HTTP/1.1", 404),
    ("GET /%2Fmetrics HTTP/1.1", 404), ("GET /METRICS HTTP/1.1", 404),
    ("GET /metrics%00 HTTP/1.1", 400), ("GET /% HTTP/1.1", 400), ("GET metrics HTTP/1.1", 400),
    ("GET /metrics", 400), ("GET /metrics HTTP/2.0", 505), ("GET /metrics HTTP/1.1 x", 400),
    ("POST /metrics HTTP/1.1", 405), ("PUT / HTTP/1.1", 405), ("DELETE / HTTP/1.1", 405),
    ("OPTIONS * HTTP/1.1", 405), ("TRACE / HTTP/1.1", 405), ("CONNECT mx.example.org:25 HTTP/1.1", 405),
    ("BREW / HTTP/1.1", 405), ("get / HTTP/1.1", 405), ("PRI * HTTP/2.0", 505),
    ("\x16\x03\x01\x02\x00\x01", 400), ("EHLO evil.test", 400)])
def test_a_request_line_is_read_as_the_rfc_has_it(asked, line, status):
    answer = asked.raw(f"{line}\r\nHost: localhost\r\n\r\n")
    assert answer.status == status
    assert answer.headers.get("allow") == ("GET, HEAD" if status == 405 else None)
    assert guards_of(answer) == GUARDS


def test_a_body_is_not_waited_for_and_does_not_cut_the_answer_off(asked):
    answer = asked.raw("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + "x" * 100000)
    assert answer.status == 405 and answer.body == "Only GET and HEAD are answered here.\n"


def test_one_request_is_answered_whatever_follows_it(asked):
    one = "GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = asked.raw(one + "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" + one)
    assert answer.status == 200 and answer.body.startswith("Ready: ") and "HTTP/1.1" not in answer.body


def test_8_kib_of_headers_are_read_and_not_an_octet_more(asked):
    head = "GET /-/ready HTTP/1.1\r\nHost: localhost\r\nX: "
    fill = 8192 - len(head) - 4
    assert asked.raw(head + "y" * fill + "\r\n\r\n").status == 200
    assert asked.raw(head + "y" * (fill + 1) + "\r\n\r\n").status == 431
    assert asked.raw(head + "y" * 1_000_000 + "\r\n\r\n").status == 431
    assert asked.raw("GET /" + "y" * 20000).status == 431
    assert asked.raw(head + "\r\n" + "X: y\r\n" * 3000 + "\r\n").status == 431


def test_a_request_in_single_octets_is_answered(asked):
    with asked.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n":
            connection.sendall(bytes([octet]))
        assert read(connection).status == 200


def test_ten_seconds_are_a_requests_however_slowly_it_comes(asked):
    with asked.connect() as slow, asked.connect() as silent:
        begun = time.monotonic()
        slow.settimeout(0.5)
        answer = b""
        slow.sendall(b"GET /-/ready HTTP/1.1\r\n")
        while not answer and time.monotonic() < begun + 30:
            with contextlib.suppress(TimeoutError):
                answer = slow.recv(65536)
            if not answer:
                slow.sendall(b"X")
                assert asked.get("/-/ready").status == 200
        took = time.monotonic() - begun
        assert answer.startswith(b"HTTP/1.1 408 ") and 9 < took < 12
        assert read(silent) is None and time.monotonic() - begun < 13


# ---- many ----


def test_64_are_served_and_who_comes_then_is_told(asked):
    with contextlib.ExitStack() as held:
        first = [held.enter_context(asked.connect()) for _ in range(64)]
        for connection in first:
            connection.sendall(b"GET /-/ready HTTP/1.1\r\n")
        # The last of them must have been taken before another can be one too many.
        wait_until(lambda: asked.raw("") is not None, 10, "a connection that is one too many")
        for _ in range(136):
            with asked.connect() as connection:
                assert read(connection).status == 503
        first[17].sendall(b"Host: localhost\r\n\r\n")
        assert read(first[17]).status == 200
        for connection in first:
            connection.close()
    wait_until(lambda: asked.get("/-/ready").status == 200, 10, "places that are free again")


def test_clients_that_leave_early_cost_no_place(asked):
    for octets in (b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        for number in range(100):
            connection = asked.connect()
            with contextlib.suppress(OSError):
                connection.sendall(octets)
            if number % 2:  # with a reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        wait_until(lambda: asked.get("/metrics").status == 200, 10, "a place")


@pytest.fixture
def many_descriptors():
    """This process holds 10,000 connections at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def hold_ten_thousand(asked, pid):
    """10,000 clients of which none leaves: 64 are slow, each other one is told. The daemon keeps descriptors for its
    work, and answers once a slow one has gone."""
    def descriptors():
        return len(os.listdir(f"/proc/{pid}/fd"))
    alone = descriptors()
    with contextlib.ExitStack() as held:
        most, others = 0, []
        for number in range(10000):
            connection = held.enter_context(asked.connect())
            # The others say nothing: a daemon that closes with octets unread resets, and its word is lost.
            if number < 64:
                connection.sendall(b"GET /-/ready HTTP/1.1\r\n")
            else:
                others.append(connection)
            if number % 500 == 499:
                most = max(most, descriptors())
        # Each has ten seconds, after which another comes to its place: so most are told, however slow this machine is.
        answers = [read(connection) for connection in others]
        assert sum(answer is not None and answer.status == 503 for answer in answers) >= 5000
        assert most <= alone + 64 + 8
    wait_until(lambda: asked.get("/-/ready", host="localhost").status == 200, 20, "places that are free again")
    wait_until(lambda: descriptors() <= alone + 2, 20, descriptors)


@pytest.mark.usefixtures("many_descriptors")
def test_ten_thousand_connections_leave_the_probe_its_descriptors(daemon, asked):
    hold_ten_thousand(asked, daemon.process.pid)


def test_an_audit_beside_a_flood_comes_to_the_same(daemon, asked):
    def verdicts():
        return [(entry["last"]["target"], entry["last"]["address"], entry["last"]["port"],
                 entry["last"]["verdict"], entry["last"]["cause"],
                 [(row["id"], row["outcome"]) for row in entry["last"]["techniques"]])
                for entry in report(daemon)["endpoints"]]

    def audit():
        mark = daemon.log.mark()
        daemon.signal(signal.SIGUSR1)
        line, = wait_until(lambda: daemon.log.find("RELAY ", mark), 90, daemon.log.text)
        return float(re.search(r"time=([\d.]+)s", line).group(1))
    alone = audit()
    before = verdicts()
    over = threading.Event()
    answers = collections.Counter()

    def flood():
        while not over.is_set():
            for path in ("/", "/api/v1/endpoints", "/metrics", "/probe?target=mx"):
                with contextlib.suppress(OSError):
                    answers[asked.get(path).status] += 1
    crowd = [threading.Thread(target=flood) for _ in range(8)]
    for thread in crowd:
        thread.start()
    try:
        beside = audit()
    finally:
        over.set()
        for thread in crowd:
            thread.join()
    assert verdicts() == before
    assert answers[200] > 20 and not set(answers) - {200, 503}
    print(f"an audit took {alone} s alone and {beside} s beside {sum(answers.values())} requests")
    # The crowd competes for the processors; no audit may wait for a page beside that.
    assert beside < 3 * alone + 5


# ---- where it listens ----


def test_a_reload_moves_the_port_and_one_that_is_taken_moves_nothing(lab):
    host = lab.host("outside")
    folder = host.new_folder("moves")
    started = ProbeDaemon(lab, host, config_of(folder, targets={
        "none": {"host": host.address, "ports": [2598]}}), name="moves-run").start()
    assert Asked(host).get("/-/ready").status == 200

    def reload(said, **options):
        mark = started.log.mark()
        config = config_of(folder, targets=started.config.targets, **options)
        started.configure(config)
        started.signal(signal.SIGHUP)
        wait_until(lambda: started.log.find(said, mark), 15, started.log.text)
        return started.log.text(mark)

    def listening():
        return {port for port in (PORT, 9827, 9828) if host.listening(port)}
    reload("configuration reloaded", listen="127.0.0.1:9827")
    wait_until(lambda: listening() == {9827}, 5, "the new port alone")
    said = reload("configuration reloaded", listen="0.0.0.0:9827")
    assert "0.0.0.0:9827 is not a loopback address" in said and "reverse proxy" in said
    assert Asked(host, host.address, 9827).get("/-/ready", host=f"{host.address}:9827").status == 200
    with contextlib.closing(host.listen(9828, "127.0.0.1")):
        said = reload("keeping the current configuration", listen="127.0.0.1:9828")
        assert "127.0.0.1:9828: Address already in use" in said and "ss -ltnp" in said
        assert Asked(host, port=9827).get("/-/ready").status == 200
    reload("configuration reloaded", listen="[::1]:9828")
    assert Asked(host, "::1", 9828).get("/-/ready", host="[::1]:9828").status == 200
    reload("configuration reloaded", listen="")
    wait_until(lambda: listening() == set(), 5, "no port")
    reload("configuration reloaded")
    assert Asked(host).get("/-/ready").status == 200
    assert started.stop() == 0


def test_a_port_that_is_taken_is_told_by_trying_and_at_the_start(daemon):
    host = daemon.host
    tried = host.run([program("relaywarden-probe"), "-t", "--config", daemon.path], check=False)
    assert tried.returncode == 0, tried.stderr  # our own daemon has it
    second = host.run([program("relaywarden-probe"), "run", "--config", daemon.path], check=False)
    assert second.returncode == 71
    assert f"cannot listen on {PLACE}: Address already in use; end the program" in second.stderr
    path = os.path.join(daemon.folder, "taken.conf")
    with open(daemon.path, encoding="utf-8") as file:
        text = file.read().replace(PLACE, "127.0.0.1:9829")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o640)
    line = 1 + [number for number, row in enumerate(text.splitlines()) if "listen = " in row][0]
    with contextlib.closing(host.listen(9829, "127.0.0.1")):
        tried = host.run([program("relaywarden-probe"), "-t", "--config", path], check=False)
    assert tried.returncode == 3 and f"{path}:{line}: listen: cannot listen on" in tried.stderr


# ---- in a browser ----


def test_axe_finds_nothing_to_mend_in_what_is_served(daemon, asked):
    key = re.search(r'href="(endpoint/[^"]+)"', asked.get("/").body).group(1)
    with browser.Browser(daemon.host.netns) as chromium:
        for path in ("/", "/" + key):
            chromium.open(f"http://{PLACE}{path}")
            assert chromium.run("document.querySelector('h1').textContent").startswith("Can a stranger")
            assert chromium.violations() == []
            # The style came through the policy, and nothing else was asked for.
            assert chromium.run("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"
            assert chromium.run("performance.getEntriesByType('resource').length") == 0


# ---- the filter ----


def test_the_filter_tells_its_numbers_and_its_health(lab):
    host = lab.host("mx")
    folder = host.new_folder("filter")
    config = Config(milter={"socket": f"unix:{folder}/milter.sock", "socket_group": "",
                            "listen": "127.0.0.1:9826"},
                    state_directory=os.path.join(folder, "state"))
    milter = Milter(lab, host, config, name="http-milter").start()
    asked = Asked(host, port=9826)
    metrics = asked.get("/metrics", host="localhost")
    assert metrics.status == 200 and "relaywarden_milter_connections_total" in metrics.body
    done = run(["promtool", "check", "metrics"], check=False, input=metrics.body)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert asked.get("/-/healthy", host="localhost").body == "Healthy: the filter answers at its socket.\n"
    assert asked.get("/-/ready", host="localhost").body == "Ready: the filter is in service.\n"
    assert asked.get("/", host="evil.test").status == 421
    assert asked.get("/metrics", host="localhost", method="POST").status == 405
    # A socket that the filter no longer answers at.
    os.unlink(f"{folder}/milter.sock")
    # An answer may be given again for as long as it took to make it.
    wait_until(lambda: asked.get("/-/healthy", host="localhost").status == 503, 60, "ill health")
    assert "restart relaywarden-milter" in asked.get("/-/healthy", host="localhost").body
    tried = host.run([program("relaywarden-milter"), "-t", "--config", milter.path], check=False)
    assert tried.returncode == 0, tried.stderr
    second = host.run([program("relaywarden-milter"), "--config", milter.path], check=False)
    assert second.returncode == 71 and "Address already in use" in second.stderr


@pytest.mark.usefixtures("many_descriptors")
def test_ten_thousand_connections_leave_the_filter_its_descriptors(lab):
    host = lab.host("mx")
    milter = Milter(lab, host, Config(milter={"listen": "127.0.0.1:9826", "socket_group": "",
                                              "socket": f"unix:{host.new_folder('filter')}/milter.sock"}),
                    name="http-crowd").start()
    hold_ten_thousand(Asked(host, port=9826), milter.process.pid)
    assert milter.stop() == 0
