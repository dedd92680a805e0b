"""The probe's half of the dialogue, played with the tests' own implementation of tokens."""

import os

from lab import tokens

CANARY = "outside.example.net"


def make_key(lab, name="token.key"):
    """A key file that the programs accept: its path, and the key."""
    path = os.path.join(lab.folder, name)
    secret = os.urandom(48)
    with open(path, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.write(secret)
    return path, tokens.Key(secret)


class Prober:
    """One connection on which the probe speaks."""

    def __init__(self, host, address, key, port=25):
        self.key = key
        self.session = host.session(address, port)
        self.session.hello()
        self.nonce = self.challenge = None
        self.last_hello = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.close()

    def say(self, line):
        return self.session.command(line)

    def hello(self, **options):
        """The reply, and the observation in it if it is one that the key's holder made."""
        path, nonce = self.key.hello(options.pop("domain", CANARY), **options)
        return self.say_hello(path, nonce)

    def say_hello(self, path, nonce):
        self.last_hello = path
        reply = self.say(f"MAIL FROM:{path}")
        observation = tokens.find(reply.text.split("\n")[0])
        if observation and not observation.is_by(self.key, path, nonce):
            observation = None
        if observation and observation.kind == "hello":
            self.nonce, self.challenge = nonce, observation.challenge
        return reply, observation

    def mail(self, sender="<sender@example.net>"):
        self.sender = sender
        assert self.say(f"MAIL FROM:{sender}").code == 250

    def path(self, role=tokens.TRUE, technique=1, recipient="<{}@" + CANARY + ">"):
        return self.key.ask(self.nonce, self.challenge, role, technique, self.sender, recipient)

    def rcpt(self, path):
        """The reply, and the believed observation in it."""
        reply = self.say(f"RCPT TO:{path}")
        observation = tokens.find(reply.text.split("\n")[0])
        if observation and not observation.is_by(self.key, path, self.nonce, self.challenge):
            observation = None
        return reply, observation

    def ask(self, *arguments, **keywords):
        return self.rcpt(self.path(*arguments, **keywords))
