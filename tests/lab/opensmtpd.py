"""A private OpenSMTPD, unpacked from Debian's package. One a host: its control socket is in /run."""

import os
import shutil

from .process import HANG, LabError, LogFile, alive, wait_until
from .servers import SERVERS, Unpacked

ROOT = os.path.join(SERVERS, "opensmtpd")
PROGRAM = os.path.join(ROOT, "usr/sbin/smtpd")

# Its queue and its empty folder for chroot have fixed places: it gets private ones to see.
PLACES = {"spool": "/var/spool", "lib": "/var/lib"}
RUN = """set -eu
mount -n --bind "$1/spool" /var/spool
mount -n --bind "$1/lib" /var/lib
shift
exec "$@"
"""


class Opensmtpd(Unpacked):
    """One instance on one host: takes mail for example.org and, from this host alone, for all.

    Settings come before actions, and actions before rules; what is not given is as `defaults` has
    it. rules: the `match` lines, of which the first that fits decides. listen: ports, or whole
    `listen on` lines without these words: "eth0 port 25 tls pki lab" (see certificate()).
    """

    def __init__(self, lab, host, rules=None, *, settings=(), actions=(), listen=("25",),
                 name="opensmtpd"):
        if not os.path.exists(PROGRAM):
            raise LabError("OpenSMTPD is not unpacked; run 'sudo make deps'")
        self.lab = lab
        self.host = host
        self.folder = host.new_folder(name)
        self.path = os.path.join(self.folder, "smtpd.conf")
        for place in PLACES:
            os.mkdir(os.path.join(self.folder, place))
        self._make_spool()
        os.makedirs(os.path.join(self.folder, "lib/opensmtpd/empty"))
        self.logfile = LogFile(os.path.join(self.folder, "log"))
        lab.logs[self.folder] = self.logfile
        self.set_up(rules, settings=settings, actions=actions, listen=listen)

    def set_up(self, rules=None, *, settings=(), actions=(), listen=("25",)):
        """Decides how the next start will be; nothing is left of earlier settings."""
        self.rules = list(self.default_rules() if rules is None else rules)
        self.settings = list(settings)
        self.actions = list(actions)
        self.listen = list(listen)

    @staticmethod
    def default_rules():
        """Debian's smtpd.conf with the line for one's own domain, as it stands there, made live."""
        return [
            'match from any for domain "example.org" action "local"',
            'match for local action "local"',
            'match from local for any action "relay"',
        ]

    # ---- files ----

    def _make_spool(self):
        """The queue as smtpd wants it, which otherwise makes it itself."""
        spool = os.path.join(self.folder, "spool/smtpd")
        os.mkdir(spool)
        os.chmod(spool, 0o711)

    def text(self):
        """The configuration as smtpd reads it."""
        lines = [
            "table aliases { postmaster = root }",
            "queue ttl 1h",
            *self.settings,
            *(f"listen on {self._listen(entry)}" for entry in self.listen),
            'action "local" maildir alias <aliases>',
            'action "relay" relay',
            *self.actions,
            *self.rules,
        ]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _listen(entry):
        return f"eth0 port {entry}" if entry.isdigit() else entry

    def _ports(self):
        """The ports that it will listen on: what stands behind `port`, or the standard one."""
        for entry in self.listen:
            words = self._listen(entry).split()
            yield int(words[words.index("port") + 1]) if "port" in words else 25

    def write(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self.text())
        os.chmod(self.path, 0o600)

    def certificate(self):
        """Settings that name a certificate of the lab's: `pki lab`, for listeners.

        Debian 12's OpenSMTPD offers STARTTLS with it, but no handshake succeeds: this release does
        not get on with OpenSSL 3 (OpenSMTPD issues 1171 and 1239). Of use all the same.
        """
        certificate, key = self.lab.certificate(self.host.hostname)
        own = os.path.join(self.folder, "smtpd.key")
        shutil.copy(key, own)
        os.chmod(own, 0o600)
        return [f'pki lab cert "{certificate}"', f'pki lab key "{own}"']

    # ---- running ----

    def start(self):
        """Starts the daemon and waits until it listens."""
        self.write()
        mark = self.logfile.mark()
        # The one of before may hold its sockets for a moment longer, and would be taken for this one.
        wait_until(lambda: not any(self.host.listening(port) for port in self._ports()), HANG,
                   "the ports to be free")
        with open(self.logfile.path, "ab") as file:
            self.process = self.host.popen(
                ["unshare", "--mount", "sh", "-c", RUN, "sh", self.folder, PROGRAM, "-d", "-f",
                 self.path], stdout=file, stderr=file)
        wait_until(lambda: self._ready(mark), HANG,
                   lambda: f"OpenSMTPD:\n{self.logfile.tail(since=mark)}")
        return self

    def _ready(self, mark):
        if self.process.poll() is not None:
            raise LabError(f"OpenSMTPD ended with {self.process.returncode}:\n"
                           f"{self.logfile.tail(since=mark)}")
        return all(self._listens(self._listen(entry), port)
                   for entry, port in zip(self.listen, self._ports()))

    def _listens(self, line, port):
        """On an interface, each of its addresses has a socket of its own, made one after the other."""
        if line.split()[0] != "eth0" or {"inet4", "inet6"} & set(line.split()):
            return self.host.listening(port)
        return all(self.host.listening(port, address)
                   for address in (self.host.address, self.host.address6) if address)

    def stop(self):
        """Ends the daemon with all its processes."""
        if not self.process:
            return
        family = self._end()
        wait_until(lambda: not any(map(alive, family)), HANG, "OpenSMTPD's processes to end")
