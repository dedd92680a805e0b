"""A real rsyslogd behind the lab's /dev/log."""

import contextlib
import os
import signal
import socket

from .process import HANG, LogFile, wait_until


class Syslog:
    """Receives what any program on any host of the lab sends to /dev/log, and writes it to a file.

    Lines are "PRI FACILITY.SEVERITY TAG MESSAGE" without time and host, for example
    "<18>mail.crit relaywarden-milter[123]: CRITICAL open-relay ...".
    """

    def __init__(self, lab, host=None):
        self.lab = lab
        self.host = host or lab.host("outside")
        self.folder = os.path.join(lab.folder, "syslog")
        os.makedirs(self.folder)
        self.socket = os.path.join(lab.folder, "log")
        self.log = LogFile(os.path.join(self.folder, "messages"))
        lab.logs["syslog"] = self.log
        self._process = None
        with open(self._path("rsyslog.conf"), "w", encoding="ascii") as file:
            file.write(f"""global(workDirectory="{self.folder}" maxMessageSize="64k")
module(load="imuxsock" SysSock.Use="off" SysSock.RateLimit.Interval="0")
input(type="imuxsock" Socket="{self.socket}" RateLimit.Interval="0" CreatePath="off"
      UsePIDFromSystem="off" UseSysTimeStamp="off")
template(name="line" type="string"
         string="<%pri%>%syslogfacility-text%.%syslogseverity-text% %syslogtag%%msg%\\n")
action(type="omfile" file="{self.log.path}" template="line" asyncWriting="off")
""")

    def _path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        self._process = self.host.popen(
            ["rsyslogd", "-n", "-f", self._path("rsyslog.conf"), "-i", self._path("pid")])
        wait_until(lambda: self.host.unix_listening(self.socket) or os.path.exists(self.socket), HANG,
                   "rsyslogd's socket")
        os.chmod(self.socket, 0o666)
        return self

    def stop(self):
        """The daemon is gone; its socket too, unless killed."""
        if self._process:
            self.resume()
            self._process.terminate()
            self._process.wait()
            self._process = None

    def stall(self):
        """The daemon is there but reads nothing: its socket's buffer fills."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def fill(self):
        """Fills the socket of a stalled daemon: whoever sends one more line, waits."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(self.socket)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sender.send(b"<22>Nov 22 01:02:03 filler[1]: x", socket.MSG_DONTWAIT)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def mark(self):
        return self.log.mark()

    def lines(self, since=0):
        return self.log.lines(since)

    def wait_for(self, regex, timeout=HANG, count=1, since=0):
        """See LogFile.wait_for."""
        return self.log.wait_for(regex, timeout, count, since)
