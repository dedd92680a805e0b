"""Debian's PostgreSQL, and pgbouncer in front of it."""

import glob
import os
import shutil
import signal

from .process import HANG, LogFile, run, wait_until

PORT = 5432
POOL_PORT = 6432
PASSWORD = "a test's password"


def binaries():
    """The folder of the newest server's programs."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    return os.path.dirname(max(found, key=lambda path: int(path.split("/")[4])))


class Postgresql:
    """A cluster of its own on a host, with the database `relaywarden` and the role `probe`, a member of
    relaywarden_worker once that is there, whose password is in `passfile`.

    `url()` is what option `database` takes. `sql(TEXT)` asks as the superuser, over the UNIX socket.
    """

    def __init__(self, lab, host, name="postgresql", **settings):
        self.host = host
        self.folder = host.new_folder(name)
        self.data = os.path.join(self.folder, "data")
        self.passfile = os.path.join(self.folder, "passfile")
        self.settings = settings
        self.process = None
        self.log = LogFile(os.path.join(self.folder, "stderr"))
        lab.logs[self.folder] = self.log
        shutil.chown(self.folder, "postgres", "postgres")
        os.chmod(self.folder, 0o755)
        self._as_postgres(os.path.join(binaries(), "initdb"), "--no-sync", "--auth=trust", "--no-locale",
                          "--encoding=UTF8", "--no-instructions", self.data)
        self.write_access(f"host all all all {settings.pop('auth', 'scram-sha-256')}\n")
        with open(self.passfile, "w", encoding="ascii",
                  opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"*:*:*:*:{PASSWORD}\n")

    def write_access(self, text):
        """Who may come, beside the superuser on the socket. `reload` brings it into force."""
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="ascii") as file:
            file.write("local all postgres trust\n" + text)

    def _as_postgres(self, *argv):
        return self.host.run(["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *argv])

    def start(self):
        settings = {"listen_addresses": "*", "port": PORT, "unix_socket_directories": self.folder,
                    "max_connections": 60, "shared_buffers": "32MB", "jit": "off", **self.settings}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        first = self.process is None
        with open(self.log.path, "ab") as log:
            self.process = self.host.popen(
                ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
                 os.path.join(binaries(), "postgres"), "-D", self.data, *options], stdout=log, stderr=log)
        wait_until(self._answers, HANG, lambda: f"PostgreSQL:\n{self.log.tail()}")
        if first:
            self.sql("CREATE ROLE probe LOGIN PASSWORD '%s'" % PASSWORD.replace("'", "''"))
            self.sql("CREATE DATABASE relaywarden")
        return self

    def _answers(self):
        return run(["psql", "-h", self.folder, "-p", PORT, "-U", "postgres", "-Atc", "SELECT 1"],
                   check=False).returncode == 0

    def sql(self, text, database=None):
        """The rows of the answer, each a list of texts."""
        if database is None:
            database = "postgres" if text.startswith("CREATE") else "relaywarden"
        done = run(["psql", "-h", self.folder, "-p", PORT, "-U", "postgres", "-d", database, "-X", "-q", "-A", "-t",
                    "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-c", text])
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def value(self, text):
        return self.sql(text)[0][0]

    def url(self, user="probe", host=None, port=PORT, database="relaywarden"):
        return f"postgresql://{user}@{host or self.host.address}:{port}/{database}?passfile={self.passfile}"

    def owner_url(self):
        """For `fleet migrate`: the superuser, on the socket."""
        return f"postgresql://postgres@/relaywarden?host={self.folder}&port={PORT}"

    def reload(self):
        self.sql("SELECT pg_reload_conf()")

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: as after a crash."""
        self.process.send_signal(how)
        self.process.wait(HANG)


class Pgbouncer:
    """In transaction mode, on the server's host."""

    def __init__(self, lab, server, name="pgbouncer"):
        self.host = server.host
        self.folder = self.host.new_folder(name)
        self.log = LogFile(os.path.join(self.folder, "stderr"))
        lab.logs[self.folder] = self.log
        shutil.chown(self.folder, "postgres", "postgres")
        users = os.path.join(self.folder, "users")
        with open(users, "w", encoding="ascii") as file:
            file.write(f'"probe" "{PASSWORD}"\n')
        self.path = os.path.join(self.folder, "pgbouncer.ini")
        with open(self.path, "w", encoding="ascii") as file:
            file.write(f"[databases]\nrelaywarden = host=127.0.0.1 port={PORT} dbname=relaywarden\n"
                       f"[pgbouncer]\nlisten_addr = *\nlisten_port = {POOL_PORT}\nauth_type = scram-sha-256\n"
                       f"auth_file = {users}\npool_mode = transaction\ndefault_pool_size = 3\n"
                       f"unix_socket_dir =\npidfile = {self.folder}/pid\n")

    def start(self):
        with open(self.log.path, "ab") as log:
            self.host.popen(["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "pgbouncer",
                             self.path], stdout=log, stderr=log)
        self.host.wait_listening(POOL_PORT)
        return self
