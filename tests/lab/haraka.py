"""A private Haraka, fetched from npm, with the configuration that `haraka -i` makes."""

import os
import shutil

from .npm import node, packages
from .process import HANG, LabError, LogFile, wait_until
from .servers import Unpacked

# The plugins that are live in the configuration as it is shipped, in its order.
SHIPPED = ("mail_from.is_resolvable", "rcpt_to.in_host_list", "queue/smtp_forward")


class Haraka(Unpacked):
    """One instance on one host, for example.org. plugins: what config/plugins has, in order.
    files: further ones of config/, name to text. listen: ports."""

    def __init__(self, lab, host, plugins=SHIPPED, *, files=None, listen=(25,), name="haraka"):
        self.host = host
        self.modules = packages("haraka")
        self.folder = host.new_folder(name)
        self.logfile = LogFile(os.path.join(self.folder, "log"))
        lab.logs[self.folder] = self.logfile
        self.set_up(plugins, files=files, listen=listen)

    def set_up(self, plugins=SHIPPED, *, files=None, listen=(25,)):
        """Decides how the next start will be; nothing is left of earlier settings."""
        self.plugins = list(plugins)
        self.files = dict(files or {})
        self.listen = list(listen)

    def _addresses(self):
        return [address for address in (self.host.address, self.host.address6) if address]

    def write(self):
        config = os.path.join(self.folder, "config")
        shutil.rmtree(config, ignore_errors=True)
        os.mkdir(config)
        for name in ("connection.ini", "log.ini"):
            shutil.copy(os.path.join(self.modules, "Haraka/config", name), config)
        sockets = [f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                   for address in self._addresses() for port in self.listen]
        texts = {"me": self.host.hostname + "\n", "host_list": "example.org\n",
                 "smtp.ini": f"listen={','.join(sockets)}\nnodes=0\n",
                 "plugins": "".join(f"{plugin}\n" for plugin in self.plugins), **self.files}
        for name, text in texts.items():
            self.file(os.path.join("config", name), text)

    def start(self):
        """Starts it and waits until it listens."""
        self.write()
        mark = self.logfile.mark()
        with open(self.logfile.path, "ab") as file:
            self.process = self.host.popen(
                [node(), os.path.join(self.modules, "Haraka/bin/haraka"), "-c", self.folder],
                stdout=file, stderr=file, cwd=self.folder)
        wait_until(lambda: self._ready(mark), HANG, lambda: f"Haraka:\n{self.logfile.tail(since=mark)}")
        return self

    def _ready(self, mark):
        if self.process.poll() is not None:
            raise LabError(f"Haraka ended with {self.process.returncode}:\n{self.logfile.tail(since=mark)}")
        return all(self.host.listening(port, address)
                   for address in self._addresses() for port in self.listen)

    def stop(self):
        if self.process:
            self.process.kill()  # asked to end, it waits for idle connections
            self.process.wait(10)
            self.process = None
