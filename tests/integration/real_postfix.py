"""A Postfix that runs a configuration as it is, with no part of relaywarden: in namespaces of its own, asked by hand.

asked(FOLDER, ADDRESSES, REQUESTS) gives the code of each RCPT. It runs this file as a program there.
"""

import json
import os
import pwd
import grp
import shutil
import smtplib
import ssl
import subprocess
import sys

ETC = "/etc/postfix"
MASTER = "/usr/lib/postfix/sbin/master"
FOLDERS = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")


def asked(folder, addresses, requests, names=()):
    """addresses: "192.0.2.25/24" and the like; names: (address, name) of clients that DNS would know."""
    done = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", sys.executable, __file__],
                          input=json.dumps([folder, addresses, requests, list(names)]), capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run(*words, **more):
    return subprocess.run(words, check=True, **more)


def lay_files(folder, names):
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    for name in ("dynamicmaps.cf", "dynamicmaps.cf.d"):
        source, target = os.path.join(ETC, name), os.path.join(folder, name)
        if os.path.isdir(source):
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif os.path.exists(source):
            shutil.copy(source, target)
    hosts = os.path.join(folder, "hosts.of.test")
    with open(hosts, "w", encoding="utf-8") as file:
        file.write("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for address, name in names))
    run("mount", "--bind", hosts, "/etc/hosts")
    run("mount", "--bind", folder, ETC)
    for place in ("/var/spool/postfix", "/var/lib/postfix"):
        run("mount", "-t", "tmpfs", "tmpfs", place)
        os.chmod(place, 0o755)
    user = pwd.getpwnam("postfix")
    os.chown("/var/lib/postfix", user.pw_uid, user.pw_gid)
    os.chdir("/var/spool/postfix")
    for name in FOLDERS:
        os.mkdir(name, 0o700)
        os.chown(name, user.pw_uid, 0)
    os.mkdir("pid")
    for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
        os.mkdir(name)
        os.chown(name, user.pw_uid, grp.getgrnam("postdrop").gr_gid)
        os.chmod(name, mode)
    os.mkdir("etc")
    for name in ("hosts", "resolv.conf", "nsswitch.conf", "services"):
        if os.path.exists("/etc/" + name):
            shutil.copy("/etc/" + name, "etc")


def lay_network(addresses, clients):
    """Returns the process in whose network the clients are."""
    run("ip", "link", "set", "lo", "up")
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE) as outside:
        pass_on = outside.stdout.readline()
        assert pass_on == b"\n"
        yield_to = str(outside.pid)
        run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "out0", "netns", yield_to)
        run("ip", "link", "set", "eth0", "up")
        there = ["nsenter", "-t", yield_to, "-n"]
        run(*there, "ip", "link", "set", "out0", "up")
        for address in addresses:
            run("ip", "addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        for client in clients:
            bits = "128" if ":" in client else "32"
            run(*there, "ip", "addr", "add", f"{client}/{bits}", "dev", "out0", *(["nodad"] if ":" in client else []))
            run("ip", "route", "replace", f"{client}/{bits}", "dev", "eth0")
        for address in addresses:
            run(*there, "ip", "route", "replace", address.split("/")[0], "dev", "out0")
        yield outside
        outside.kill()


class Header(smtplib.SMTP):
    """Sends something before the server's greeting."""

    header = b""

    def _get_socket(self, host, port, timeout):
        made = super()._get_socket(host, port, timeout)
        made.sendall(self.header)
        return made


def ask(request, server):
    Header.header = request.get("header", "").encode()
    code, _ = server.connect(request["server"], request["port"])
    if code != 220:
        return code
    code, _ = server.ehlo()
    if code != 250:
        return code  # a header that is none
    if request.get("certificate"):
        context = ssl._create_unverified_context()
        context.load_cert_chain(request["certificate"])
        server._host = request["server"]
        server.starttls(context=context)
        server.ehlo()
    if request.get("xclient"):
        server.docmd("XCLIENT", request["xclient"])
        server.ehlo()
    code, _ = server.docmd("MAIL", f"FROM:<{request['sender']}>")
    return server.docmd("RCPT", f"TO:<{request['recipient']}>")[0] if code == 250 else code


def answer(request):
    server = Header(timeout=10, local_hostname=request["helo"], source_address=(request["client"], 0))
    try:
        return ask(request, server)
    except (smtplib.SMTPServerDisconnected, TimeoutError):
        return 0
    finally:
        server.close()


def main():
    if sys.argv[1:] == ["ask"]:
        print(json.dumps([answer(request) for request in json.load(sys.stdin)]))
        return
    folder, addresses, requests, names = json.load(sys.stdin)
    lay_files(folder, names)
    for outside in lay_network(addresses, sorted({request["client"] for request in requests})):
        run(MASTER, "-w", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(run("nsenter", "-t", str(outside.pid), "-n", sys.executable, __file__, "ask",
                  input=json.dumps(requests), stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    main()
