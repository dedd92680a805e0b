"""Where mail ends up that really left: smtp-sink(1) on the only host that the DNS leads to."""

import email
import glob
import os
import shutil

from .postfix import Programs
from .process import HANG, wait_until


class Sink:
    """Takes every message and keeps it. lmtp: speaks LMTP, for a mailbox's delivery.

    `messages()` gives email.message objects; smtp-sink adds X-Client-Addr, X-Client-Proto,
    X-Helo-Args, X-Mail-Args and X-Rcpt-Args headers, which tell the envelope.
    """

    def __init__(self, lab, host=None, port=25, lmtp=False, name="sink"):
        self.host = host or lab.host("sink")
        self.port = port
        self.lmtp = lmtp
        self.folder = self.host.new_folder(name)
        shutil.chown(self.folder, "postfix")
        self._programs = Programs()
        self._processes = []

    def start(self):
        argv = [os.path.join(self._programs.commands, "smtp-sink"), "-u", "postfix",
                "-h", self.host.hostname, "-d", os.path.join(self.folder, "%M%S.")]
        argv += ["-L"] if self.lmtp else []
        # It listens on one address family only, so there is one for each.
        for address in ("0.0.0.0", "::"):
            where = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
            self._processes.append(self.host.popen([*argv, where, "256"],
                                                   env=self._programs.environment()))
            wait_until(lambda bound=address: (bound, self.port) in self.host.listeners(), HANG,
                       f"smtp-sink on {where}")
        return self

    def stop(self):
        while self._processes:
            process = self._processes.pop()
            process.terminate()
            process.wait()

    def messages(self):
        found = []
        for path in sorted(glob.glob(os.path.join(self.folder, "*")), key=os.path.getmtime):
            with open(path, "rb") as file:
                found.append(email.message_from_binary_file(file))
        return found

    def recipients(self):
        """The addresses of all RCPT commands so far."""
        return [recipient.strip().split()[0].strip("<>") for message in self.messages()
                for recipient in message.get_all("X-Rcpt-Args", [])]

    def forget(self):
        """Throws away what came so far."""
        for path in glob.glob(os.path.join(self.folder, "*")):
            os.unlink(path)

    def wait_for_recipient(self, address, timeout=HANG):
        wait_until(lambda: address in self.recipients(), timeout, f"mail to {address}")
