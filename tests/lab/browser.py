"""A page as headless Chromium shows it: on a screen, in the dark, on paper, and to axe-core.

Chromium is spoken to in the DevTools protocol, through a pipe. It has no network unless it is told to be in one: a page
that wants one is noticed.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from .axe import axe_core
from .folder import NETNS
from .process import LabError

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--disable-dev-shm-usage"]

# Chromium reads commands from descriptor 3 and writes to 4.
START = 'exec 3<&"$1" 4>&"$2"; shift 2; exec $NETWORK chromium "$@"'

MEASURE = """((looked_at) => {
const bright = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92
    : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const height = document.documentElement.scrollHeight, ms = performance.now();
const behind = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
let contrast = 21;
for (const e of [...document.body.querySelectorAll("*:not(svg *)")].slice(0, looked_at)) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [bright(parse(getComputedStyle(e).color)), bright(behind(e))];
    contrast = Math.min(contrast, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
}
return {ms, height, contrast,
    width: document.documentElement.scrollWidth, room: document.documentElement.clientWidth,
    scrolling: [...document.querySelectorAll(".scroll")].slice(0, looked_at)
        .filter((e) => e.scrollWidth > e.clientWidth).length,
    background: getComputedStyle(document.body).backgroundColor,
    resources: performance.getEntriesByType("resource").length};
})(%d)"""

AXE = """axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations.flatMap(
    (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${rule.help}: ` +
        node.failureSummary.replace(/\\s+/g, " "))))"""


class Browser:
    """Chromium with a profile of its own, and one page in it. `with Browser() as browser`."""

    def __init__(self, netns=None):
        """netns: the network namespace in which it asks servers; None: one without any."""
        self.network = f"nsenter --net={NETNS}/{netns} --" if netns else "unshare --net --"
        self.profile = tempfile.mkdtemp(prefix="relaywarden-chromium-")
        self.process = None
        self.commands = self.answers = -1
        self.buffer = b""
        self.number = 0
        self.page = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self):
        if not shutil.which("chromium"):
            raise LabError("chromium is not installed; run 'sudo make deps'")
        theirs_in, self.commands = os.pipe()
        self.answers, theirs_out = os.pipe()
        with open(os.path.join(self.profile, "log"), "wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", START, "bash", str(theirs_in), str(theirs_out), *OPTIONS,
                 f"--user-data-dir={self.profile}/user", "--remote-debugging-pipe", "about:blank"],
                pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={**os.environ, "NETWORK": self.network})
        os.close(theirs_in)
        os.close(theirs_out)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self.page = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")

    def close(self):
        """Ends it, and takes its profile away."""
        for descriptor in (self.commands, self.answers):
            if descriptor >= 0:
                os.close(descriptor)
        self.commands = self.answers = -1
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None
        shutil.rmtree(self.profile, ignore_errors=True)

    def _broken(self, what):
        with open(os.path.join(self.profile, "log"), encoding="utf-8", errors="replace") as log:
            return LabError(f"chromium: {what}\n{log.read()[-2000:]}")

    def _message(self, deadline):
        """The next answer or event."""
        while b"\0" not in self.buffer:
            if not select.select([self.answers], [], [], max(0, deadline - time.monotonic()))[0]:
                raise self._broken("no answer")
            octets = os.read(self.answers, 1 << 20)
            if not octets:
                raise self._broken("it ended")
            self.buffer += octets
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def _wait(self, wanted, timeout):
        deadline = time.monotonic() + timeout
        while True:
            message = self._message(deadline)
            if wanted(message):
                return message

    def _call(self, method, timeout=90, until=None, **parameters):
        """The result of a command; `until` names an event that follows it and is waited for."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.page:
            command["sessionId"] = self.page
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        answer = self._wait(lambda message: message.get("id") == self.number, timeout)
        if "error" in answer:
            raise self._broken(f"{method}: {answer['error']}")
        if until:
            self._wait(lambda message: message.get("method") == until, timeout)
        return answer["result"]

    def open(self, page, width=1280, dark=False):
        """Shows the file or http address `page` on a screen of that width, for a reader who prefers the dark or the
        light."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=800,
                   deviceScaleFactor=1, mobile=False)
        self._call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        # Else a page that is opened again, with a # or not, may not be loaded again.
        self._call("Page.navigate", url="about:blank", until="Page.loadEventFired")
        url = page if str(page).startswith("http://") else "file://" + os.path.abspath(page)
        self._call("Page.navigate", url=url, until="Page.loadEventFired")
        return self

    def run(self, script, timeout=90):
        """The value of a script in the page, whose own policy is not asked."""
        done = self._call("Runtime.evaluate", timeout, expression=script, awaitPromise=True,
                          returnByValue=True)
        if "exceptionDetails" in done:
            raise self._broken(f"{script[:200]}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def violations(self, timeout=90):
        """Axe-core's findings: a line for each element, with the rule, where and what to do."""
        self.run(axe_core() + "\n0")
        return self.run(AXE, timeout)

    def open_details(self):
        """Unfolds what the page has folded away."""
        self.run("document.querySelectorAll('details').forEach((e) => { e.open = true; })")

    def print(self, path, backgrounds=False):
        """Prints the page on A4 into a PDF file. Without backgrounds, as people who change nothing do."""
        done = self._call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69,
                          printBackground=backgrounds)
        with open(path, "wb") as file:
            file.write(base64.b64decode(done["data"]))

    def screenshot(self, path, whole=True):
        """The whole page, or what a screen shows of it, as PNG."""
        done = self._call("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(done["data"]))

    def look(self, page, width=1280, dark=False, looked_at=3000):
        """A view of the file `page`: the milliseconds until it is laid out ("ms"), its "width" against the "room" that
        there is, the least "contrast" of its first texts, and more."""
        return self.open(page, width, dark).run(MEASURE % looked_at)
