"""A Postfix that runs a configuration as it is, with no part of relaywarden: in namespaces of its own, asked by hand.

asked(FOLDER, ADDRESSES, REQUESTS) gives the code of each RCPT. It runs this file as a program there.
beside(FOLDER, ADDRESSES, REQUESTS, COMMANDS) runs commands on the host of such a Postfix, and gives what it saw of them.
"""

import hashlib
import json
import os
import stat
import pwd
import grp
import shutil
import smtplib
import ssl
import subprocess
import sys
import time

ETC = "/etc/postfix"
TLS_PORT = 465  # TLS from the first octet on
MASTER = "/usr/lib/postfix/sbin/master"
FOLDERS = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")


def alone(words, arguments, seconds):
    done = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", sys.executable, __file__, *words],
                          input=json.dumps(arguments), capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def asked(folder, addresses, requests, names=()):
    """addresses: "192.0.2.25/24" and the like; names: (address, name) of clients that DNS would know."""
    return alone([], [folder, addresses, requests, list(names)], 120)


def beside(folder, addresses, requests, commands):
    """{"codes": of the commands, "before": ..., "after": ...}; each has the answers, the queue and the files of that Postfix,
    and the traffic: each interface's counters, those of the kernel for IP, TCP and UDP, and nftables' of what goes in and out."""
    return alone(["beside"], [folder, addresses, requests, commands], 120 + 20 * len(commands))


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
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE) as outside:
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
        try:
            yield outside
        finally:
            outside.kill()


class Header(smtplib.SMTP):
    """Sends something before the server's greeting."""

    header = b""

    def _get_socket(self, host, port, timeout):
        made = super()._get_socket(host, port, timeout)
        if port == TLS_PORT:
            made = ssl._create_unverified_context().wrap_socket(made)
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
    demanded = request["port"] != TLS_PORT and server.docmd("MAIL", "FROM:<>")[0] == 530
    server.rset()
    if request.get("certificate") or demanded:
        context = ssl._create_unverified_context()
        if request.get("certificate"):
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


WATCH = """
table inet watched {
    chain input {
        type filter hook input priority 0
        counter
    }
    chain output {
        type filter hook output priority 0
        counter
    }
}
"""
# The kernel counts these although nothing is sent.
QUIET = ("RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn", "CurrEstab", "Forwarding", "DefaultTTL")


def traffic():
    with open("/proc/net/dev", encoding="utf-8") as file:
        interfaces = {line.split(":")[0].strip(): line.split(":")[1].split() for line in file if ":" in line}
    counts = {}
    with open("/proc/net/snmp", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    for names, values in zip(lines[::2], lines[1::2]):
        counts.update({names[0] + name: value for name, value in zip(names[1:], values[1:]) if name not in QUIET})
    with open("/proc/net/snmp6", encoding="utf-8") as file:
        counts.update(line.split() for line in file)
    rules = run("nft", "list", "table", "inet", "watched", stdout=subprocess.PIPE, text=True).stdout
    return {"interfaces": interfaces, "counts": counts, "rules": [line.strip() for line in rules.splitlines() if "counter" in line]}


def files(folder):
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            whole = os.path.join(path, name)
            about = os.lstat(whole)
            content = ""
            if stat.S_ISREG(about.st_mode):
                with open(whole, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            found[whole] = [about.st_ino, about.st_mode, about.st_uid, about.st_size, about.st_mtime_ns, content]
    return found


def seen(there, requests):
    """The questions' own traffic is between what is counted before and after."""
    counted = traffic()
    # Postfix locks its files in pid/, and moves what it takes in.
    kept = {path: about for folder in (ETC, "/var/spool/postfix") for path, about in files(folder).items()
            if not path.startswith("/var/spool/postfix/pid/")}
    answers = json.loads(run(*there, sys.executable, __file__, "ask", input=json.dumps(requests), stdout=subprocess.PIPE,
                             text=True).stdout)
    with open("/var/spool/postfix/pid/master.pid", encoding="utf-8") as file:
        return {"traffic": counted, "files": kept, "answers": answers, "master": file.read().strip()}


def wait(is_so):
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end, "it does not come to be so"
        time.sleep(0.05)


def settled():
    """The traffic when the last question's connection is closed on both sides, and the kernel has told that it is there."""
    last = [traffic()]

    def is_still():
        time.sleep(0.4)
        last.append(traffic())
        return len(last) > 8 and all(one == last[-1] for one in last[-8:])

    wait(is_still)
    return last[-1]


def hush(there, addresses, clients):
    """The kernel sends nothing by itself: neighbours are known for ever, and no router is looked for."""
    def link(before, name):
        return json.loads(run(*before, "ip", "-j", "link", "show", "dev", name, stdout=subprocess.PIPE, text=True).stdout)[0]

    here, outside = link([], "eth0")["address"], link(there, "out0")["address"]
    for client in clients:
        run("ip", "neigh", "replace", client, "lladdr", outside, "dev", "eth0", "nud", "permanent")
    run(*there, "sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/out0/router_solicitations")
    for address in addresses:
        run(*there, "ip", "neigh", "replace", address.split("/")[0], "lladdr", here, "dev", "out0", "nud", "permanent")


# The message in the queue stays there, and no name is asked of anybody for it.
KEEPS = """
defer_transports = smtp, relay
queue_run_delay = 3600s
minimal_backoff_time = 3600s
maximal_backoff_time = 3600s
"""


def watch(folder, addresses, requests, commands):
    """There is a message in the queue, and a way out: what leaves is not stopped by the want of one."""
    with open(os.path.join(folder, "main.cf"), "a", encoding="utf-8") as file:
        file.write(KEEPS)
    with open(os.path.join(folder, "resolv.of.test"), "w", encoding="utf-8") as file:
        file.write("nameserver 127.0.0.1\n")
    run("mount", "--make-rprivate", "/")
    run("mount", "--bind", file.name, "/etc/resolv.conf")
    lay_files(folder, [])
    with open("/proc/sys/net/ipv6/conf/default/router_solicitations", "w", encoding="utf-8") as file:
        file.write("0")
    clients = sorted({request["client"] for request in requests})
    for outside in lay_network(addresses, clients):
        there = ["nsenter", "-t", str(outside.pid), "-n"]
        hush(there, addresses, clients)
        run("ip", "route", "add", "default", "via", requests[0]["client"], "dev", "eth0")
        run("nft", "-f", "-", input=WATCH, text=True)
        run(MASTER, "-w", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run("sendmail", "-f", "root@example.org", "someone@outside.example.net", input="Subject: kept\n\nkept\n", text=True)
        wait(lambda: any("/deferred/" in path for path in files("/var/spool/postfix")))
        before = seen(there, requests)
        before["traffic"] = settled()
        codes = [subprocess.run(words, capture_output=True, check=False).returncode for words in commands]
        print(json.dumps({"codes": codes, "before": before, "after": seen(there, requests)}))


def main():
    if sys.argv[1:] == ["ask"]:
        print(json.dumps([answer(request) for request in json.load(sys.stdin)]))
        return
    if sys.argv[1:] == ["beside"]:
        watch(*json.load(sys.stdin))
        return
    folder, addresses, requests, names = json.load(sys.stdin)
    lay_files(folder, names)
    for outside in lay_network(addresses, sorted({request["client"] for request in requests})):
        run(MASTER, "-w", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(run("nsenter", "-t", str(outside.pid), "-n", sys.executable, __file__, "ask",
                  input=json.dumps(requests), stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    main()
