"""Cyrus SASL for smtpd: users in a sasldb of the lab's."""

import os
import shutil

from .process import run


class Sasl:
    """Users that may authenticate: Postfix(..., sasl=Sasl(lab).user("joe", "secret")).

    The folder holds smtpd.conf and the database, readable by Postfix's user.
    """

    def __init__(self, lab, realm="example.org", mechanisms="PLAIN LOGIN ANONYMOUS", name="sasl"):
        self.realm = realm
        self.folder = os.path.join(lab.folder, name)
        os.makedirs(self.folder)
        self.database = os.path.join(self.folder, "sasldb2")
        with open(os.path.join(self.folder, "smtpd.conf"), "w", encoding="ascii") as file:
            file.write(f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
                       f"sasldb_path: {self.database}\nmech_list: {mechanisms}\n")

    def user(self, name, password):
        """Adds a user, who logs in as NAME or NAME@realm."""
        run(["saslpasswd2", "-p", "-c", "-f", self.database, "-u", self.realm, name],
            input=password)
        shutil.chown(self.database, "postfix", "postfix")
        return self

    @property
    def settings(self):
        """main.cf: AUTH on, without asking for TLS.

        ANONYMOUS is offered once smtpd_sasl_security_options is set to "".
        """
        return {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "cyrus",
            "smtpd_sasl_path": "smtpd",
            "cyrus_sasl_config_path": self.folder,
            "smtpd_sasl_local_domain": self.realm,
            "smtpd_sasl_security_options": "noanonymous",
        }
