"""A private Sendmail: own configuration (made with m4), queue, tables and log."""

import glob
import os
import re

from .postfix import SERVERS, split_endpoint
from .process import HANG, LabError, LogFile, run, wait_until

# Local deliveries are discarded by a mailer that is still called `local`. Without the flag
# w it takes any user.
MACROS = """divert(-1)
include(`{cf}/m4/cf.m4')
VERSIONID(`the lab')
OSTYPE(`bsd4.4')
define(`confDOMAIN_NAME', `{hostname}')
define(`confPID_FILE', `{folder}/sendmail.pid')
define(`STATUS_FILE', `{folder}/statistics')
define(`HELP_FILE', `{etc}/helpfile')
define(`ALIAS_FILE', `hash:{etc}/aliases')
define(`QUEUE_DIR', `{queue}')
define(`confSERVICE_SWITCH_FILE', `{etc}/service.switch')
define(`confHOSTS_FILE', `/etc/hosts')
define(`confCW_FILE', `{etc}/local-host-names')
define(`confCR_FILE', `-o {etc}/relay-domains')
define(`confDEF_USER_ID', `nobody:nogroup')
define(`confDEAD_LETTER_DROP', `{folder}/dead.letter')
define(`confTO_IDENT', `0')
define(`confMAX_DAEMON_CHILDREN', `0')
define(`confQUEUE_LA', `1000')
define(`confREFUSE_LA', `1000')
define(`confPRIVACY_FLAGS', `authwarnings')
define(`LOCAL_MAILER_PATH', `{etc}/discard')
define(`LOCAL_MAILER_ARGS', `discard $u')
define(`LOCAL_MAILER_FLAGS', `Prmn9')
MODIFY_MAILER_FLAGS(`LOCAL', `-w')
FEATURE(`no_default_msa')
FEATURE(`use_cw_file')
{before}
{listeners}
MAILER(`local')
MAILER(`smtp')
{after}
"""


class Sendmail:
    """One instance on one host.

    features: FEATURE lines by their arguments: ["promiscuous_relay", "loose_relay_check"].
    macros: further lines of m4 before the mailers: ["define(`confBAD_RCPT_THROTTLE', `3')"].
    rules: lines of sendmail.cf after them.
    listen: "25", "203.0.113.25:587", or with a daemon's flags ("587", "Ea"), see
    DaemonPortOptions; a bare port is bound at each address of the host.
    local: class w, relay: class R. access, mailertable, aliases: tables (makemap, hash).
    sasl: a Sasl whose users may authenticate. milters: see `attach`.

    It knows any local user. Undeliverable mail stays in its queue.
    """

    def __init__(self, lab, host, features=(), macros=(), listen=("25",), *, rules=(),
                 local=("example.org", "localhost"), relay=(), access=None, mailertable=None,
                 aliases=None, sasl=None, name="sendmail"):
        self.lab = lab
        self.host = host
        self.base = os.path.join(SERVERS, "sendmail-bin")
        self.binary = os.path.join(self.base, "usr/libexec/sendmail/sendmail")
        if not os.path.exists(self.binary):
            raise LabError("Sendmail is not unpacked; run 'sudo make deps'")
        self.folder = host.new_folder(name)
        self.etc = os.path.join(self.folder, "etc")
        self.spool = os.path.join(self.folder, "queue")
        # All dialogues, both ways: it has no log file of its own, and syslog may not be there.
        self.traffic = LogFile(os.path.join(self.folder, "traffic"))
        self.output = LogFile(os.path.join(self.folder, "output"))
        lab.logs[self.folder] = self.traffic
        lab.logs[self.folder + "/output"] = self.output
        self.features, self.macros, self.rules = list(features), list(macros), list(rules)
        self.listen = list(listen)
        self.local, self.relay = list(local), list(relay)
        self.access, self.mailertable = access, mailertable
        self.aliases = aliases or {}
        self.sasl = sasl
        self.milters = []
        self._process = None
        for path, mode in ((self.etc, 0o755), (self.spool, 0o700)):
            os.mkdir(path, mode)
        if sasl:
            self._offer_auth()
        lab.on_exit(self.stop)

    def _offer_auth(self):
        """Cyrus SASL looks in one place only, whatever its environment says: here, for this host."""
        path = os.path.join(self.sasl.folder, "Sendmail.conf")
        if not os.path.exists(path):
            os.symlink("smtpd.conf", path)
        self.host.run(["mount", "-n", "--bind", self.sasl.folder, "/usr/lib/sasl2"])

    # ---- files ----

    def file(self, name, text):
        """Writes a file beside sendmail.cf and returns its path."""
        path = os.path.join(self.etc, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def table(self, name, entries, kind="hash"):
        """Makes a table of that kind and returns its path."""
        text = "".join(f"{key}\t{value}\n" for key, value in entries.items())
        path = os.path.join(self.etc, name)
        self.host.run([os.path.join(self.base, "usr/libexec/sendmail/makemap"), "-C",
                       self.file("makemap.cf", ""), kind, path], input=text)
        return path

    def _listeners(self):
        lines = []
        for entry in self.listen:
            endpoint, flags = (entry, "") if isinstance(entry, str) else entry
            address, port = split_endpoint(endpoint)
            modifier = f", M={flags}" if flags else ""
            # Not the unspecified addresses: IPv6's would cover IPv4 too.
            for bound in [address] if address else ["127.0.0.1", "::1", *self.host.addresses]:
                family = "inet6" if ":" in bound else "inet"
                lines.append(f"DAEMON_OPTIONS(`Name=D{len(lines)}, Family={family}, "
                             f"Addr={bound}, Port={port}{modifier}')")
        return "\n".join(lines)

    def write(self):
        """Writes the configuration as the attributes say, and makes sendmail.cf of it."""
        self.file("service.switch", "hosts files dns\naliases files\npasswd files\n")
        self.file("helpfile", "")
        os.chmod(self.file("discard", "#!/bin/sh\nexec cat > /dev/null\n"), 0o755)
        self.table("aliases", {"@": "@", **self.aliases})  # the first one says that it is complete
        self.file("local-host-names", "".join(name + "\n" for name in self.local))
        self.file("relay-domains", "".join(name + "\n" for name in self.relay))
        before = []
        if self.access is not None:
            self.table("access", self.access)
            before.append(f"FEATURE(`access_db', `hash -T<TMPF> {self.etc}/access')")
        if self.mailertable is not None:
            self.table("mailertable", self.mailertable)
            before.append(f"FEATURE(`mailertable', `hash {self.etc}/mailertable')")
        before += [f"FEATURE(`{feature}')" for feature in self.features]
        if self.sasl:
            before.append("define(`confAUTH_MECHANISMS', `PLAIN LOGIN ANONYMOUS')\n"
                          "define(`confAUTH_REALM', `" + self.sasl.realm + "')\n"
                          "TRUST_AUTH_MECH(`PLAIN LOGIN ANONYMOUS')")
        before += [f"INPUT_MAIL_FILTER(`{name}', `{equates}')" for name, equates in self.milters]
        cf = os.path.join(self.base, "usr/share/sendmail/cf")
        text = MACROS.format(cf=cf, hostname=self.host.hostname, folder=self.folder, etc=self.etc,
                             queue=self.spool, before="\n".join([*before, *self.macros]),
                             listeners=self._listeners(), after="\n".join(self.rules))
        made = run(["m4", f"-D_CF_DIR_={cf}/", self.file("sendmail.mc", text)])
        self.file("sendmail.cf", made.stdout)

    # ---- running ----

    def start(self):
        """Starts it as the attributes say, and waits until it listens."""
        self.write()
        with open(self.output.path, "ab") as output:
            self._process = self.host.popen(
                [self.binary, "-C", os.path.join(self.etc, "sendmail.cf"), "-X", self.traffic.path,
                 "-bD"], stdout=output, stderr=output)
        for entry in self.listen:
            address, port = split_endpoint(entry if isinstance(entry, str) else entry[0])
            wait_until(lambda where=(port, address or self.host.addresses[-1]): self._up(*where),
                       HANG, lambda: f"sendmail, which says:\n{self.output.tail()}")
        return self

    def _up(self, port, address):
        if self._process.poll() is not None:
            raise LabError(f"sendmail ended:\n{self.output.tail()}")
        return self.host.listening(port, address)

    @property
    def running(self):
        return self._process is not None

    def stop(self):
        """Ends the daemon. Children that serve a client go on until that client is gone."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def set(self, **attributes):
        """Changes attributes (features=[...], relay=[...]) and starts it anew."""
        for name, value in attributes.items():
            if not hasattr(self, name):
                raise LabError(f"Sendmail has no attribute {name}")
            setattr(self, name, value)
        self.stop()
        return self.start()

    # ---- looking and handling ----

    def command(self, *arguments, check=True, **keywords):
        """Runs sendmail with this configuration: command("-q") delivers what waits."""
        return self.host.run([self.binary, "-C", os.path.join(self.etc, "sendmail.cf"), *arguments],
                             check=check, **keywords)

    def queue(self):
        """The queue: a list of {"queue_id", "quarantined" (the reason, or None),
        "recipients"}."""
        found = []
        for path in sorted(glob.glob(os.path.join(self.spool, "[qh]f*"))):
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    lines = file.read().splitlines()
            except FileNotFoundError:  # delivered meanwhile
                continue
            found.append({
                "queue_id": os.path.basename(path)[2:],
                "quarantined": next((line[1:] for line in lines if line.startswith("q")), None),
                "recipients": [re.sub(r"^R[^:]*:", "", line) for line in lines
                               if line.startswith("R")]})
        return found

    def empty_queue(self):
        """Throws away what waits there. To be called while it serves nobody."""
        for path in glob.glob(os.path.join(self.spool, "*")):
            os.remove(path)

    @property
    def milter_socket(self):
        """Where a filter on this host may listen for it."""
        return os.path.join(self.folder, "milter.sock")

    def milter(self, socket=None):
        """One filter for `milters`, as the README has it: by default at milter_socket."""
        socket = socket or "unix:" + self.milter_socket
        return ("relaywarden", f"S={socket}, T=C:2s;S:2s;R:2s;E:10s")

    def attach(self, *filters):
        """Sets the filters, by default the one at milter_socket, and starts it anew."""
        return self.set(milters=list(filters) or [self.milter()])
