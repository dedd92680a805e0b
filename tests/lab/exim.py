"""A private Exim, unpacked from Debian's packages, with the configuration that they ship."""

import contextlib
import os
import shutil
import signal

from .process import HANG, LabError, LogFile, alive, wait_until
from .servers import SERVERS, Unpacked

PROGRAM = os.path.join(SERVERS, "exim4-daemon-heavy/usr/sbin/exim4")
TEMPLATE = os.path.join(SERVERS, "exim4-daemon-heavy/etc/exim4/exim4.conf.template")
USER = "Debian-exim"

# Where the hooks of Exim(...) go: a line of the template, and whether they stand behind it. Those of
# `acl_first` come before all that the stock RCPT ACL says, those of `acl_relay` before its refusal to
# relay, those of `acl_last` where every recipient has passed it.
HOOKS = {
    "acl_first": ("acl_check_rcpt:\n", True),
    "acl_relay": ("  require\n    message = relay not permitted\n", False),
    "acl_last": ("  .ifdef CHECK_RCPT_LOCAL_ACL_FILE\n", False),
    "acl_mail": ("acl_check_mail:\n", True),
    "routers": ("begin routers\n", True),
    "authenticators": ("begin authenticators\n", True),
}


class Exim(Unpacked):
    """One instance on one host: Debian's "internet site" for example.org, unless told otherwise.

    macros: what /etc/exim4/exim4.conf.localmacros would hold, and debconf's answers
    (MAIN_RELAY_NETS and the like); None removes one. main: further lines for the main section.
    hooks: text for the places named in HOOKS, as acl_relay="  accept senders = *@example.org".
    edits: (old, new) texts to replace in the stock configuration.
    listen: ports, or addresses and ports as Exim writes them ("[2001:db8::1]:25").
    """

    def __init__(self, lab, host, macros=None, main=(), *, edits=(), listen=("25",), name="exim",
                 **hooks):
        if not os.path.exists(PROGRAM):
            raise LabError("Exim is not unpacked; run 'sudo make deps'")
        self.lab = lab
        self.host = host
        self.folder = host.new_folder(name)
        self.spool = os.path.join(self.folder, "spool")
        self.path = os.path.join(self.folder, "exim.conf")
        os.mkdir(self.spool)
        os.mkdir(os.path.join(self.folder, "log"))
        for folder in (self.spool, os.path.join(self.folder, "log")):
            shutil.chown(folder, USER, USER)
        self.logfile = LogFile(os.path.join(self.folder, "log/main"))
        lab.logs[self.folder] = self.logfile
        self.set_up(macros, main, edits=edits, listen=listen, **hooks)

    def set_up(self, macros=None, main=(), *, edits=(), listen=("25",), **hooks):
        """Decides how the next start will be; nothing is left of earlier settings."""
        if set(hooks) - set(HOOKS):
            raise LabError(f"Exim has no such hooks: {', '.join(set(hooks) - set(HOOKS))}")
        self.macros = {**self.defaults(), **(macros or {})}
        self.main = list(main)
        self.edits = list(edits)
        self.listen = list(listen)
        self.hooks = hooks

    def defaults(self):
        return {
            "DCconfig_internet": "1",
            "CONFDIR": self.folder,
            "SPOOLDIR": self.spool,
            "MAIN_HARDCODE_PRIMARY_HOSTNAME": self.host.hostname,
            "MAIN_LOCAL_DOMAINS": "@ : localhost : example.org",
            "MAIN_RELAY_TO_DOMAINS": "",
            "MAIN_RELAY_NETS": ": 127.0.0.1 : ::::1",
            "ETC_MAILNAME": "example.org",
            "LOCAL_DELIVERY": "mail_spool",
            "DC_minimaldns": "1",
        }

    # ---- files ----

    def text(self):
        """The configuration as Exim reads it."""
        with open(TEMPLATE, encoding="utf-8") as file:
            lines = [line for line in file if not line.lstrip().startswith("#")]
        text = "".join(lines)
        macros = "\n".join(f"{name} = {value}" for name, value in self.macros.items()
                           if value is not None)
        ports = [self._port(entry) for entry in self.listen]
        ours = [
            f"log_file_path = {self.folder}/log/%s",
            f"pid_file_path = {self.folder}/pid",
            f"exim_path = {PROGRAM}",
            f"daemon_smtp_ports = {' : '.join(dict.fromkeys(ports))}",
            f"local_interfaces = <; {' ; '.join(self._interface(entry) for entry in self.listen)}",
            "queue_only",
            *self.main,
        ]
        if "MAIN_TLS_ENABLE" not in self.macros:
            # It has TLS all the same, by a key of its own that it makes for each session: most of what it computes.
            certificate, key = self._certificate()
            ours += [f"tls_certificate = {certificate}", f"tls_privatekey = {key}"]
        changes = [("exim_path = /usr/sbin/exim4\n", macros + "\n"),
                   ("begin acl\n", "\n".join(ours) + "\nbegin acl\n")]
        for name, added in self.hooks.items():
            where, behind = HOOKS[name]
            added = added.strip("\n") + "\n"
            changes.append((where, where + added if behind else added + where))
        for old, new in [*changes, *self.edits]:
            if text.count(old) != 1:
                raise LabError(f"the stock configuration has {text.count(old)} of {old!r}")
            text = text.replace(old, new)
        return text

    @staticmethod
    def _port(entry):
        return entry.rpartition(":")[2]

    @staticmethod
    def _interface(entry):
        """All addresses are two; IPv6 first, for it takes IPv4 with it where the kernel says so."""
        if entry.isdigit():
            return f"[::0]:{entry} ; [0.0.0.0]:{entry}"
        return entry

    def write(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self.text())
        os.chmod(self.path, 0o644)

    def _certificate(self):
        """The paths of a certificate of the lab's and its key."""
        certificate, key = self.lab.certificate(self.host.hostname)
        readable = os.path.join(self.folder, "exim.key")
        shutil.copy(key, readable)
        shutil.chown(readable, "root", USER)
        os.chmod(readable, 0o640)
        return certificate, readable

    def certificate(self):
        """Macros that turn TLS on, with a certificate of the lab's."""
        certificate, key = self._certificate()
        return {"MAIN_TLS_ENABLE": "1", "MAIN_TLS_CERTIFICATE": certificate, "MAIN_TLS_PRIVATEKEY": key}

    # ---- running ----

    def start(self):
        """Starts the daemon and waits until it listens."""
        self.write()
        self._started = self.logfile.mark()
        errors = os.path.join(self.folder, "stderr")
        with open(errors, "ab") as file:
            self.process = self.host.popen([PROGRAM, "-C", self.path, "-bdf"],
                                           stdout=file, stderr=file)
        wait_until(self._ready, HANG, lambda: f"Exim:\n{LogFile(errors).tail()}")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise LabError(f"Exim ended with {self.process.returncode}:\n"
                           f"{LogFile(os.path.join(self.folder, 'stderr')).tail()}\n"
                           f"{self.logfile.tail()}")
        # Sockets listen before the daemon is done with starting.
        return bool(self.logfile.find(r"daemon started: pid=\d+", self._started)) and all(
            self.host.listening_widely(int(self._port(entry))) for entry in self.listen)

    def stop(self):
        """Ends the daemon and whatever serves a client still."""
        if not self.process:
            return
        serving = self._end()
        for pid in serving:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, serving)), HANG, "Exim's processes to end")

    # ---- looking ----

    def command(self, *arguments, check=True, **keywords):
        """Runs Exim on this instance's configuration: command("-bt", "u@example.org")."""
        self.write()
        return self.host.run([PROGRAM, "-C", self.path, *arguments], check=check, **keywords)

    def queue(self):
        """The ids of the messages in the queue."""
        return self.command("-bpi").stdout.split()
