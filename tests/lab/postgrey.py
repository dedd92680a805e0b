"""Debian's postgrey: a greylisting policy server for Postfix."""

import os
import shutil

from .process import LogFile


class Postgrey:
    """Puts off each unknown triplet of client, sender and recipient for `delay` seconds.

    `restriction` is what goes into a list of Postfix's restrictions. With action="DEFER" it answers
    ahead of what follows in the list, with postgrey's own DEFER_IF_PERMIT only where nothing
    refuses. `text` is what it says; %s are the seconds that are left.
    """

    def __init__(self, lab, host, delay=3, action="DEFER", text=None, port=10023, name="postgrey"):
        self.host = host
        self.port = port
        self.delay = delay
        self.folder = host.new_folder(name)
        shutil.chown(self.folder, "postgrey", "postgrey")
        self.log = LogFile(os.path.join(self.folder, "stderr"))
        lab.logs[self.folder] = self.log
        self.restriction = f"check_policy_service inet:127.0.0.1:{port}"
        self._options = [f"--delay={delay}", f"--greylist-action={action}",
                         "--auto-whitelist-clients=0"]
        if text:
            self._options.append(f"--greylist-text={text}")

    def start(self):
        with open(self.log.path, "ab") as log:
            self.host.popen(
                ["postgrey", f"--inet=127.0.0.1:{self.port}", f"--dbdir={self.folder}",
                 f"--pidfile={self.folder}/pid", "--user=postgrey", *self._options],
                stdout=log, stderr=log)
        self.host.wait_listening(self.port, "127.0.0.1")
        return self
