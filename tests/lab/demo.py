#!/usr/bin/python3
"""make demo: the main job on a private Postfix, as an operator sees it.

example.org's mail host stands on a small internet of network namespaces; it trusts too much. The milter is attached to its
Postfix, the probe stands outside. Both tell of the open relay, the configuration is mended, both give the all-clear. Everything
is real: Postfix, nsd, rsyslogd, and the two programs. Nothing is left behind.
"""

import argparse
import os
import shlex
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Config, Dns, Lab, LabError, Milter, Postfix, Syslog, program  # noqa: E402
from lab.enter import enter  # noqa: E402

COLOUR = sys.stdout.isatty()
TOO_MUCH = "127.0.0.0/8 [::1]/128 0.0.0.0/0"
MENDED = "127.0.0.0/8 [::1]/128"


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def say(text):
    print(text, flush=True)


def chapter(number, title):
    say("\n" + paint("1;34", f"== {number}. {title}") + "\n")


def prompt(host, command):
    say(paint("1", f"{host.name}# ") + command)


def shown(host, argv, display=None, pty=False):
    """Runs a command as an operator would, showing the command, its output and a bad exit code. Returns the code."""
    prompt(host, display or shlex.join(map(str, argv)))
    if pty and COLOUR:
        argv = ["script", "-qec", shlex.join(map(str, argv)), "/dev/null"]
    done = host.run(argv, check=False)
    say((done.stdout + done.stderr).replace("\r\n", "\n").rstrip("\n"))
    if done.returncode:
        say(paint("2", f"(exit code {done.returncode})"))
    return done.returncode


def log_line(syslog, pattern, timeout=15):
    """Waits for a line in the mail log and shows it."""
    line = syslog.wait_for(pattern, timeout=timeout).string.rstrip()
    text = line.split(" ", 1)[-1]  # without priority and facility
    critical = "state=opened" in text
    say(paint("1;31" if critical else "1;32", text))


class Demo:
    def __init__(self, lab):
        self.mx = lab.host("mx")
        self.outside = lab.host("outside")
        Dns(lab).start()
        self.syslog = Syslog(lab).start()
        self.postfix = Postfix(lab, self.mx, chroot=True, main={
            "mynetworks": TOO_MUCH, "local_recipient_maps": "inline:{postmaster=x}",
            "smtpd_relay_restrictions":
                "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"})
        self.postfix.main["smtpd_milters"] = self.postfix.milter_setting(
            "unix:/relaywarden/milter.sock")
        site = {"domains": ["example.org"], "trusted_networks": ["127.0.0.0/8", "::1/128"]}
        self.milter = Milter(lab, self.mx, Config(site=site, alert={"quiet_after": "4s"}),
                             postfix=self.postfix)
        self.config = os.path.join(self.outside.folder, "relaywarden.conf")
        state = os.path.join(self.outside.folder, "state")
        os.makedirs(os.path.join(state, "probe"))
        Config(site=site, state_directory=state, targets={
            "mx": {"domain": "example.org", "ports": [25]}}).write(self.config)

    def postconf(self, *names):
        shown(self.mx, [os.path.join(self.postfix.programs.commands, "postconf"), "-c",
                        self.postfix.etc, *names], shlex.join(["postconf", *names]))

    def start(self):
        chapter(1, "A mail host that trusts too much")
        say("example.org's Postfix has one wrong line in main.cf:\n")
        self.postfix.start()
        self.postconf("mynetworks", "smtpd_relay_restrictions")
        say("\nrelaywarden-milter is told what is ours (example.org, loopback) and attached to it:\n")
        prompt(self.mx, "relaywarden-milter --config /etc/relaywarden/relaywarden.conf &")
        self.milter.start()
        log_line(self.syslog, "relaywarden-milter.*is ready")
        self.postconf("smtpd_milters")

    def stranger(self):
        chapter(2, "A stranger notices first")
        say(f"From {self.outside.address}, without any password:\n")
        commands = ["EHLO mail.sender.test", "MAIL FROM:<spam@outside.example.net>",
                    "RCPT TO:<victim@outside.example.net>", "QUIT"]
        replies = self.outside.smtp(self.mx.address, commands)
        for command, reply in zip(commands, replies[1:]):
            say(f"  > {command}")
            say(f"  < {reply.code} {reply.text.splitlines()[0]}")
        if replies[3].code != 250:
            raise LabError("the demo's Postfix was to relay, and did not")
        say("\nThe same second, in the mail log:\n")
        log_line(self.syslog, "relaywarden-milter.*CRITICAL open-relay.*state=opened")
        say("\n(mailer=discard: whatever this Postfix takes, it throws away. Elsewhere it would be smtp.)")

    def probe(self, expected):
        code = shown(self.outside, [program("relaywarden-probe"), "check", "mx", "--config",
                                    self.config], "relaywarden-probe check mx", pty=True)
        if code != expected:
            raise LabError(f"the probe's exit code was to be {expected}")

    def mend(self):
        chapter(4, "The line is mended")
        prompt(self.mx, f"postconf -e 'mynetworks = {MENDED}'")
        self.postfix.command("postconf", "-e", f"mynetworks = {MENDED}")
        prompt(self.mx, "postfix reload")
        self.postfix.reload(order=lambda: self.postfix.command("postfix", "reload"))
        self.postconf("mynetworks")

    def all_clear(self):
        chapter(5, "The all-clear, from both ends")
        self.probe(expected=0)
        say("\nAnd in the mail log, when it has been quiet for quiet_after (here 4 s, by default 1 h):\n")
        log_line(self.syslog, "relaywarden-milter.*open-relay.*state=resolved", 30)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/gcc")
    os.environ["RELAYWARDEN_BUILD"] = os.path.abspath(parser.parse_args().build)
    with Lab() as lab:
        demo = Demo(lab)
        demo.start()
        demo.stranger()
        chapter(3, "The probe sees it from outside")
        demo.probe(expected=2)
        say("\nAnd in the mail log of the probe's host:\n")
        log_line(demo.syslog, "relaywarden-probe.*CRITICAL open-relay.*state=opened")
        demo.mend()
        demo.all_clear()
        if demo.milter.stop() != 0:
            raise LabError("the milter did not end as it should")
    say("\nThat was it: the private Postfix, its network and its files are gone again.")


if __name__ == "__main__":
    enter()
    main()
