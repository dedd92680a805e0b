"""A mail server made with smtp-server, npm's: what the developers of web sites run, often in earnest."""

import json
import os

from .npm import node, packages
from .process import HANG, LabError, LogFile, wait_until
from .servers import Unpacked

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "smtp_server.js")


class SmtpServer(Unpacked):
    """One instance on one host. It takes everything, unless told otherwise: auth=True asks for a log-in;
    senders or recipients=(code, text) takes those of example.org alone, and says that to others;
    mailboxes: local parts that alone exist there."""

    def __init__(self, lab, host, *, name="smtp-server", **how):
        self.host = host
        self.modules = packages("smtp-server")
        self.folder = host.new_folder(name)
        self.program = lab.publish(PROGRAM)
        self.logfile = LogFile(os.path.join(self.folder, "log"))
        lab.logs[self.folder] = self.logfile
        self.set_up(**how)

    def set_up(self, *, auth=False, senders=None, recipients=None, mailboxes=None, banner=None, listen=(25,)):
        """Decides how the next start will be; nothing is left of earlier settings."""
        self.how = {"auth": auth, "banner": banner, "mailboxes": mailboxes, "name": self.host.hostname}
        for kind, said in (("senders", senders), ("recipients", recipients)):
            self.how[kind] = said and {"code": said[0], "text": said[1]}
        self.how["listen"] = [(address, port) for port in listen
                              for address in (self.host.address, self.host.address6) if address]

    def start(self):
        """Starts it and waits until it listens."""
        mark = self.logfile.mark()
        with open(self.logfile.path, "ab") as file:
            self.process = self.host.popen(
                [node(), self.program, json.dumps(self.how)], stdout=file, stderr=file,
                env={**os.environ, "NODE_PATH": self.modules})
        wait_until(lambda: self._ready(mark), HANG, lambda: f"smtp-server:\n{self.logfile.tail(since=mark)}")
        return self

    def _ready(self, mark):
        if self.process.poll() is not None:
            raise LabError(f"smtp-server ended with {self.process.returncode}:\n"
                           f"{self.logfile.tail(since=mark)}")
        return all(self.host.listening(port, address) for address, port in self.how["listen"])

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait(10)
            self.process = None
