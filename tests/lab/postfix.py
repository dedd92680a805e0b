"""A private Postfix: own configuration, queue, data and log. The machine's is not touched."""

import json
import os
import pwd
import grp
import shutil
import signal
import time

from .process import HANG, LabError, LogFile, alive, wait_until
from .servers import SERVERS, children, in_group

# Local deliveries are discarded under the transport's own name: a filter sees
# {rcpt_mailer}=local, and the machine's mailboxes stay as they are.
SERVICES = """
pickup    unix       n - n 60  1 pickup
cleanup   unix       n - n -   0 cleanup
qmgr      unix       n - n 300 1 qmgr
tlsmgr    unix       - - n 1000? 1 tlsmgr
rewrite   unix       - - n -   - trivial-rewrite
bounce    unix       - - n -   0 bounce
defer     unix       - - n -   0 bounce
trace     unix       - - n -   0 bounce
verify    unix       - - n -   1 verify
flush     unix       n - n 1000? 0 flush
proxymap  unix       - - n -   - proxymap
proxywrite unix      - - n -   1 proxymap
smtp      unix       - - n -   - smtp
relay     unix       - - n -   - smtp
showq     unix       n - n -   - showq
error     unix       - - n -   - error
retry     unix       - - n -   - error
discard   unix       - - n -   - discard
local     unix       - - n -   - discard
virtual   unix       - - n -   - discard
lmtp      unix       - - n -   - lmtp
anvil     unix       - - n -   1 anvil
scache    unix       - - n -   1 scache
postlog   unix-dgram n - n -   1 postlogd
"""

# mode and group of the folders that `postfix check` would make; the owner is postfix but for `pid`.
FOLDERS = {
    **{name: (0o700, None) for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush",
                                        "hold", "incoming", "private", "saved", "trace")},
    "maildrop": (0o1730, "postdrop"),
    "public": (0o2710, "postdrop"),
    "pid": (0o755, None),
}

CHROOT_FILES = ("resolv.conf", "hosts", "nsswitch.conf", "services")
# Children of master that serve requests with the configuration they were started with.
STALE = ("smtpd", "cleanup", "trivial-rewrite", "proxymap", "postscreen", "smtp", "lmtp", "qmgr")

# A service that died so is throttled a second later: for a minute, whatever master reads meanwhile.
DOOMED = r"postfix/\w+\[\d+\]: fatal: "


class Programs:
    """Where Postfix is: installed, or unpacked in build/servers beside another mail server."""

    def __init__(self):
        unpacked = os.path.join(SERVERS, "postfix")
        self.base = ""
        if os.path.exists(os.path.join(unpacked, "usr/sbin/postconf")):
            self.base = unpacked
        elif not os.path.exists("/usr/lib/postfix/sbin/master"):
            raise LabError("Postfix is neither installed nor unpacked; run 'sudo make deps'")
        self.commands = self.base + "/usr/sbin"
        self.daemons = self.base + "/usr/lib/postfix/sbin"
        self.libraries = self.base + "/usr/lib/postfix"

    def environment(self):
        """For a command: the unpacked one does not find its libraries by itself."""
        return {**os.environ, "LD_LIBRARY_PATH": self.libraries} if self.base else dict(os.environ)

    def settings(self):
        """main.cf settings that an unpacked Postfix needs."""
        if not self.base:
            return {}
        passed = f"MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH={self.libraries}"
        return {
            "command_directory": self.commands,
            "daemon_directory": self.daemons,
            "shlib_directory": self.libraries,
            "meta_directory": self.base + "/etc/postfix",
            "sendmail_path": self.commands + "/sendmail",
            "mailq_path": self.commands + "/mailq",
            "newaliases_path": self.commands + "/newaliases",
            "import_environment": passed,
            "export_environment": passed,
        }


class Postfix:
    """One instance on one host.

    main: settings of main.cf that add to, or replace, those of `defaults`. None removes one.
    master: further lines of master.cf; a line for a service of SERVICES replaces it.
    listen: what smtpd listens on: "25", "203.0.113.25:587", or with options,
    "submission port: options" as ("587", {"smtpd_sasl_auth_enable": "yes"}).
    chroot: smtpd runs in the queue folder, as Debian has it.
    sasl: a Sasl whose users may authenticate.
    """

    def __init__(self, lab, host, main=None, master=(), listen=("25",), *, chroot=False,
                 sasl=None, name="postfix"):
        self.lab = lab
        self.host = host
        self.programs = Programs()
        self.folder = host.new_folder(name)
        self.etc = os.path.join(self.folder, "etc")
        self.spool = os.path.join(self.folder, "spool")
        self.data = os.path.join(self.folder, "data")
        self.logfile = LogFile(os.path.join(self.folder, "mail.log"))
        lab.logs[self.folder] = self.logfile
        self.main = {**self.defaults(), **(sasl.settings if sasl else {}), **(main or {})}
        self.master = list(master)
        self.listen = [(entry, {}) if isinstance(entry, str) else entry for entry in listen]
        self.chroot = chroot
        self._started = 0  # the log's mark
        self._make_folders()
        if sasl:
            # Debian's Postfix looks here whatever cyrus_sasl_config_path says.
            os.symlink(sasl.folder, os.path.join(self.etc, "sasl"))

    def defaults(self):
        return {
            "compatibility_level": "3.6",
            "queue_directory": self.spool,
            "data_directory": self.data,
            "maillog_file": self.logfile.path,
            "maillog_file_prefixes": self.lab.folder,
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "myhostname": self.host.hostname,
            "mydomain": "example.org",
            "mydestination": "example.org, localhost",
            "mynetworks": "127.0.0.0/8 [::1]/128",
            "inet_interfaces": "all",
            "inet_protocols": "all",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "default_transport": "discard",
            "biff": "no",
            **self.programs.settings(),
        }

    # ---- files ----

    def _make_folders(self):
        postfix = pwd.getpwnam("postfix").pw_uid
        os.mkdir(self.etc)
        os.mkdir(self.spool)
        os.mkdir(self.data, 0o700)
        os.chown(self.data, postfix, -1)
        for name, (mode, group) in FOLDERS.items():
            path = os.path.join(self.spool, name)
            os.mkdir(path)
            owner = 0 if name == "pid" else postfix
            os.chown(path, owner, grp.getgrnam(group).gr_gid if group else 0)
            os.chmod(path, mode)
        # For a filter's socket, as the README has it.
        socket_folder = os.path.join(self.spool, "relaywarden")
        os.mkdir(socket_folder)
        shutil.chown(socket_folder, "root", "postfix")
        os.chmod(socket_folder, 0o750)

    def write(self):
        """Writes main.cf and master.cf as `main`, `master` and `listen` say."""
        lines = [f"{name} = {value}" for name, value in self.main.items() if value is not None]
        self.file("main.cf", "\n".join(lines) + "\n")
        self.file("master.cf", self._master_text())
        if self.chroot:
            self._fill_chroot()

    def _master_text(self):
        given = {tuple(line.split()[:2]) for line in self.master}
        lines = [line for line in SERVICES.strip().splitlines()
                 if tuple(line.split()[:2]) not in given]
        for port, options in self.listen:
            words = " ".join(f"-o {{ {name} = {value} }}" for name, value in options.items())
            chroot = "y" if self.chroot else "n"
            lines.append(f"{port} inet n - {chroot} - - smtpd {words}".rstrip())
        return "\n".join([*lines, *self.master]) + "\n"

    def _fill_chroot(self):
        etc = os.path.join(self.spool, "etc")
        os.makedirs(etc, exist_ok=True)
        for name in CHROOT_FILES:
            private = os.path.join(self.host.folder, "etc", name)
            source = private if os.path.exists(private) else os.path.join("/etc", name)
            if os.path.exists(source):
                shutil.copy(source, os.path.join(etc, name))

    def file(self, name, text):
        """Writes a file beside main.cf and returns its path, for maps: texthash:, cidr:, pcre:."""
        path = os.path.join(self.etc, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        # Postfix reads a file again and again while it is younger than two seconds: it may still be
        # being written. This one is not.
        past = time.time() - 10
        os.utime(path + ".new", (past, past))
        os.replace(path + ".new", path)
        return path

    def table(self, name, entries, kind="texthash"):
        """Writes a lookup table from a dict and returns it as main.cf names it."""
        text = "".join(f"{key} {value}\n" for key, value in entries.items())
        return f"{kind}:{self.file(name, text)}"

    # ---- running ----

    def start(self, wait=True):
        """Starts it as `main`, `master` and `listen` say. With wait: until it listens."""
        self.write()
        self._started = self.logfile.mark()
        self.host.run([os.path.join(self.programs.daemons, "master"), "-c", self.etc, "-w"],
                      env=self._environment(), check=wait)
        if wait:
            self._wait_listening()
        return self

    def _wait_listening(self):
        """Until it listens wherever `listen` and `master` say, by numbers of ports."""
        lines = [line.split()[0] for line in self.master if line.split()[1] == "inet"]
        for endpoint in [*(endpoint for endpoint, _ in self.listen), *lines]:
            if endpoint.rpartition(":")[2].isdigit():
                self.host.wait_listening(split_endpoint(endpoint)[1], split_endpoint(endpoint)[0])

    def _environment(self):
        return {**self.programs.environment(), "MAIL_CONFIG": self.etc}

    def _pid(self):
        try:
            with open(os.path.join(self.spool, "pid/master.pid"), encoding="ascii") as file:
                pid = int(file.read())
        except (OSError, ValueError):
            return None
        return pid if alive(pid) else None

    @property
    def running(self):
        return self._pid() is not None

    def _children(self):
        return children(self.host, self._pid())

    def stop(self):
        """Ends master and everything under it."""
        pid = self._pid()
        if not pid:
            return
        children = self._children()
        os.kill(pid, signal.SIGTERM)
        # A process that master has forked since is in its group, and has its sockets.
        wait_until(lambda: not any(map(alive, [pid, *children])) and not in_group(self.host, pid), HANG,
                   "Postfix to end")

    def restart(self):
        """For what a reload does not change, as inet_interfaces."""
        self.stop()
        return self.start()

    def reload(self, patience=3, order=None):
        """Makes it read its files again and waits until no process that knows the old ones is left.

        An smtpd that is serving a client keeps to the old ones until that client is gone;
        `patience` seconds are spent waiting for it. `order` is what tells it to, by default the
        signal.
        """
        if self.logfile.find(DOOMED, self._started):
            self.restart()
            return
        stale = [pid for pid, name in self._children().items() if name in STALE]
        mark = self.logfile.mark()
        if order:
            order()
        else:
            os.kill(self._pid(), signal.SIGHUP)
        self.logfile.wait_for(r"postfix/master\[\d+\]: reload -- version", since=mark)
        try:
            wait_until(lambda: not any(map(alive, stale)), patience)
        except LabError:
            pass
        # It says that it reloads before it opens what is new.
        self._wait_listening()

    def set(self, main=None, master=None, listen=None):
        """Changes settings of main.cf (None removes one), or lines of master.cf, and reloads."""
        self.main.update(main or {})
        if master is not None:
            self.master = list(master)
        if listen is not None:
            self.listen = [(entry, {}) if isinstance(entry, str) else entry for entry in listen]
        self.write()
        if self.running:
            self.reload()

    # ---- looking and handling ----

    def command(self, name, *arguments, check=True, **keywords):
        """Runs one of Postfix's commands on this instance: command("postsuper", "-d", "ALL")."""
        if not self.running:
            self.write()
        return self.host.run([os.path.join(self.programs.commands, name), "-c", self.etc,
                              *arguments], check=check, env=self._environment(), **keywords)

    def value(self, name):
        """A setting as postconf sees it."""
        return self.command("postconf", "-xh", name).stdout.rstrip("\n")

    def queue(self):
        """The queue: a list of postqueue(1) -j's objects."""
        lines = self.command("postqueue", "-j").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def queue_names(self):
        """In which queue each message is: id to "hold", "deferred", ..."""
        return {entry["queue_id"]: entry["queue_name"] for entry in self.queue()}

    def empty_queue(self):
        self.command("postsuper", "-d", "ALL")

    def log(self, since=0):
        """The lines of its log; see LogFile for marks and waiting, at `logfile`."""
        return self.logfile.lines(since)

    def milter_setting(self, *sockets):
        """smtpd_milters as the README has it, for sockets in main.cf's notation."""
        limits = "connect_timeout=2s, command_timeout=2s, content_timeout=2s"
        return ", ".join(f"{{ {socket}, default_action=accept, {limits} }}" for socket in sockets)

    @property
    def milter_socket(self):
        """Where a filter on this host listens for it: the path, outside any chroot."""
        return os.path.join(self.spool, "relaywarden/milter.sock")

    def attach(self, socket=None):
        """Sets smtpd_milters to one filter, by default at milter_socket, and reloads."""
        if socket is None:
            socket = "unix:" + ("/relaywarden/milter.sock" if self.chroot else self.milter_socket)
        self.set({"smtpd_milters": self.milter_setting(socket)})


def split_endpoint(endpoint):
    """"203.0.113.25:587", "[::1]:25" or "25" to address (or None) and port."""
    address, _, port = endpoint.rpartition(":")
    return (address.strip("[]") or None), int(port)
