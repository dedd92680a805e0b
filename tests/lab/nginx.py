"""A private nginx as mail proxy, unpacked from Debian's packages."""

import os

from .process import HANG, LabError, LogFile, alive, wait_until
from .servers import SERVERS, Unpacked

ROOT = os.path.join(SERVERS, "nginx")
PROGRAM = os.path.join(ROOT, "usr/sbin/nginx")
MODULE = os.path.join(ROOT, "usr/lib/nginx/modules/ngx_mail_module.so")
ASKED = "unix:{}/auth.sock"  # where the mail part asks the web part which server to pass a client on to


class Nginx(Unpacked):
    """One instance on one host: takes SMTP without a login and passes it on to `server`, (address, port).

    settings: what its `server` block has beside the address and the protocol: {"xclient": "off"}.
    port: on every address of the host. name: what it greets and answers EHLO with.
    """

    def __init__(self, lab, host, server, *, port=25, name=None, settings=None):
        if not os.path.exists(PROGRAM):
            raise LabError("nginx is not unpacked; run 'sudo make deps'")
        self.lab = lab
        self.host = host
        self.folder = host.new_folder("nginx")
        self.path = os.path.join(self.folder, "nginx.conf")
        self.logfile = LogFile(os.path.join(self.folder, "error.log"))
        lab.logs[self.folder] = self.logfile
        self.set_up(server, port=port, name=name, settings=settings)

    def set_up(self, server, *, port=25, name=None, settings=None):
        """Decides how the next start will be."""
        self.server = server
        self.port = port
        self.name = name or self.host.hostname
        self.settings = {"xclient": "off", **(settings or {})}

    # ---- files ----

    def text(self):
        """The configuration as nginx reads it. Its web part tells its mail part where mail goes."""
        address, port = self.server
        asked = ASKED.format(self.folder)
        lines = "\n".join(f"        {name} {value};" for name, value in self.settings.items())
        return f"""load_module {MODULE};
daemon off;
user www-data;
worker_processes 1;
pid {self.folder}/pid;
error_log {self.logfile.path} info;
events {{ worker_connections 256; }}
mail {{
    server_name {self.name};
    auth_http {asked}:/;
    server {{
        listen {self.port};
        listen [::]:{self.port} ipv6only=on;
        protocol smtp;
        smtp_auth none;
{lines}
    }}
}}
http {{
    access_log off;
    {" ".join(f'{kind}_temp_path {self.folder}/{kind};'
              for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))}
    server {{
        listen {asked};
        location / {{
            add_header Auth-Status OK;
            add_header Auth-Server {address};
            add_header Auth-Port {port};
            return 200;
        }}
    }}
}}
"""

    def write(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self.text())

    # ---- running ----

    def start(self):
        """Starts it and waits until it listens."""
        self.write()
        with open(self.logfile.path, "ab") as file:
            self.process = self.host.popen(
                [PROGRAM, "-p", self.folder, "-c", self.path, "-e", self.logfile.path],
                stdout=file, stderr=file)
        wait_until(self._ready, HANG, lambda: f"nginx:\n{self.logfile.tail()}")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise LabError(f"nginx ended with {self.process.returncode}:\n{self.logfile.tail()}")
        return self.host.listening_widely(self.port)

    def stop(self):
        """Ends it with its workers."""
        if not self.process:
            return
        family = self._end()
        wait_until(lambda: not any(map(alive, family)), HANG, "nginx's processes to end")
