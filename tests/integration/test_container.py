"""Postfix in a container, the filter outside, by the commands of doc/mail-server.md. The container is a host of the lab, with its
own network and mounts, in which Postfix's user and group have other numbers; the machine that runs it is the
gateway."""

import grp
import os
import pwd
import re

import pytest

from lab import Config, Dns, Milter, Postfix
from lab.net import GATEWAY_INSIDE
from readme import blocks, section

TITLE = "Postfix in a container"
IN_CONTAINER, POSTDROP = 2101, 2102  # the page's number, and another
RELAYWARDEN = 2050
FLOWS = [220, 250, 250, 250, 354, 250, 221]


def over(host, file, target):
    host.run(["mount", "-n", "--bind", file, target])


def users(host, numbers):
    """The host has these users and groups of its own: name to (user, group); no user: None."""
    for name, line in (("passwd", "{0}:x:{1}:{2}::/nonexistent:/bin/false\n"), ("group", "{0}:x:{2}:\n")):
        with open(f"/etc/{name}", encoding="utf-8") as file:
            lines = [entry for entry in file if entry.split(":")[0] not in numbers]
        lines += [line.format(user, *both) for user, both in numbers.items() if name == "group" or both[0]]
        path = os.path.join(host.folder, "etc", name)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(lines)
        over(host, path, f"/etc/{name}")


def give(folder, numbers):
    """Files of these users and groups belong to others instead."""
    owners = {pwd.getpwnam(name).pw_uid: user for name, (user, _) in numbers.items() if user}
    groups = {grp.getgrnam(name).gr_gid: group for name, (_, group) in numbers.items()}
    for path, folders, files in os.walk(folder):
        for entry in [path, *(os.path.join(path, name) for name in folders + files)]:
            status = os.lstat(entry)
            mode = status.st_mode & 0o7777
            os.lchown(entry, owners.get(status.st_uid, -1), groups.get(status.st_gid, -1))
            if not os.path.islink(entry):
                os.chmod(entry, mode)


class Place:
    """The machine, and a container in which Postfix trusts everybody."""

    def __init__(self, lab):
        self.lab = lab
        self.machine, self.container = lab.host("gateway"), lab.host("mta")
        self.outside = lab.host("outside")
        lab.nat()
        Dns(lab).start()
        self.spool = self.machine.new_folder("var-spool")
        over(self.machine, self.spool, "/var/spool")
        users(self.machine, {"relaywarden": (RELAYWARDEN, RELAYWARDEN)})
        self.postfix = Postfix(lab, self.container, main={
            "mynetworks": "0.0.0.0/0 [::]/0", "queue_directory": "/var/spool/postfix"})
        inside = {"postfix": (IN_CONTAINER, IN_CONTAINER), "postdrop": (None, POSTDROP)}
        give(self.postfix.folder, inside)
        users(self.container, inside)
        folder = self.container.new_folder("var-spool")
        os.mkdir(os.path.join(folder, "postfix"))
        over(self.container, folder, "/var/spool")
        over(self.container, self.postfix.spool, "/var/spool/postfix")
        self.postfix.start()
        self.milters = 0
        self.shared = False

    def on_machine(self, text):
        self.machine.run(["sh", "-eu", "-c", text.replace("sudo ", "")])

    def in_container(self, text):
        programs = self.postfix.programs
        environment = {**programs.environment(), "MAIL_CONFIG": self.postfix.etc,
                       "PATH": programs.commands + ":" + os.environ["PATH"]}
        settings, reload = text.strip().splitlines()
        assert reload == "postfix reload"
        self.container.run(["sh", "-eu", "-c", settings], env=environment)
        self.postfix.reload(order=lambda: self.container.run(["sh", "-eu", "-c", reload], env=environment))

    def share(self):
        """As --volume does when the container is started."""
        if not self.shared:
            (source, target), = re.findall(r"`--volume ([^:`]+):([^:`]+)`", section(TITLE))
            over(self.container, source.replace("/var/spool", self.spool), target)
            self.shared = True

    def filter(self, printed):
        """The filter, with these lines in its configuration, by its own user as the unit has it."""
        self.milters += 1
        options = dict(re.findall(r'^ +(\w+) += "([^"]*)"$', printed, re.MULTILINE))
        assert len(options) == 1
        milter = Milter(self.lab, self.machine, Config(milter={
            "socket": "unix:/var/spool/postfix/relaywarden/milter.sock", "user": "relaywarden", **options}),
            name=f"milter{self.milters}")
        for path, _, _ in os.walk(milter.folder):
            os.chown(path, RELAYWARDEN, RELAYWARDEN)
        os.chown(milter.path, 0, RELAYWARDEN)
        return self.start(milter)

    @staticmethod
    def start(milter):
        return milter.start(prefix=["setpriv", f"--reuid={RELAYWARDEN}", f"--regid={RELAYWARDEN}", "--clear-groups",
                                    "--no-new-privs", "--bounding-set=-all"])

    def send(self):
        """A stranger's message to somebody else; what Postfix complained of meanwhile."""
        mark = self.postfix.logfile.mark()
        replies = self.outside.smtp(self.machine.address, [
            "EHLO client.example.net", "MAIL FROM:<a@sender.example.net>", "RCPT TO:<b@outside.example.net>",
            "DATA", "Subject: x\n\nx\n", "QUIT"], timeout=20)
        assert [reply.code for reply in replies] == FLOWS
        # smtpd's lines come in their order, and later than its replies.
        self.postfix.logfile.wait_for("smtpd.*: disconnect from", since=mark)
        return self.postfix.logfile.find("warning: .*[Mm]ilter.*", mark)

    def chroot(self, wanted):
        self.postfix.chroot = wanted
        self.postfix.set({})


@pytest.fixture(scope="module")
def place(shared_lab):
    return Place(shared_lab)


def printed_for_tcp(text):
    """The page has Docker's address of the machine, the lab its own."""
    assert "172.17.0.1" in text
    return text.replace("172.17.0.1", GATEWAY_INSIDE[0])


@pytest.mark.parametrize("chroot", [False, True], ids=["without a chroot", "with a chroot"])
def test_the_folder_of_the_socket_is_shared_as_printed(place, chroot):
    assert place.container.run(["id", "-g", "postfix"]).stdout.strip() == str(IN_CONTAINER)
    place.on_machine(blocks(TITLE, "sh")[0])
    place.share()
    milter = place.filter(blocks(TITLE, "conf")[0])
    place.chroot(chroot)
    place.in_container(blocks(TITLE, "sh")[1])
    assert place.send() == []
    alert = milter.wait_for_alert(kind="open-relay")
    assert alert["evidence"]["client"] == place.outside.address
    assert alert["subject"]["listener"] == f"{place.container.address}:25"
    # Another socket in the same folder.
    milter.stop()
    assert place.send() != []
    place.start(milter)
    assert place.send() == []
    assert milter.stop() == 0


def test_with_the_number_that_the_group_has_outside_mail_flows_and_the_filter_sees_none(place):
    place.on_machine(blocks(TITLE, "sh")[0].replace(str(IN_CONTAINER), str(grp.getgrnam("postfix").gr_gid)))
    place.share()
    milter = place.filter(blocks(TITLE, "conf")[0])
    place.in_container(blocks(TITLE, "sh")[1])
    assert any("Permission denied" in line for line in place.send())
    assert milter.stop() == 0
    assert milter.alerts() == []


def test_tcp_does_it_as_printed_and_the_filter_says_what_that_means(place):
    milter = place.filter(printed_for_tcp(blocks(TITLE, "conf")[1]))
    assert milter.log.find("is not on the loopback address, and milters have no authentication")
    place.in_container(printed_for_tcp(blocks(TITLE, "sh")[2]))
    assert place.send() == []
    assert milter.wait_for_alert(kind="open-relay")["evidence"]["client"] == place.outside.address
    assert milter.stop() == 0
    # A filter that is not there costs nothing but a warning.
    assert place.send() != []
