"""An SMTP client that says exactly what it is told, right or wrong."""

import base64
import collections
import re
import ssl

Reply = collections.namedtuple("Reply", "code text")
Reply.__doc__ = """A reply: its code, and its text, lines joined by newlines, codes stripped."""

CLOSED = Reply(0, "connection closed")


class Session:
    """One connection. Every method that waits raises TimeoutError after the socket's timeout."""

    def __init__(self, connection):
        self.connection = connection
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def send(self, octets):
        """Sends text or octets as they are: no line end is added."""
        if isinstance(octets, str):
            octets = octets.encode("utf-8", "surrogateescape")
        self.connection.sendall(octets)

    def read_line(self):
        """The next line without its end, or None when the connection is closed."""
        while b"\n" not in self.pending:
            try:
                octets = self.connection.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                octets = b""
            if not octets:
                return None
            self.pending += octets
        line, self.pending = self.pending.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def reply(self):
        """The next reply, or CLOSED."""
        lines = []
        while True:
            line = self.read_line()
            if line is None:
                return CLOSED
            match = re.match(r"(\d{3})([ -]|$)(.*)", line)
            lines.append(match.group(3) if match else line)
            if match and match.group(2) != "-":
                return Reply(int(match.group(1)), "\n".join(lines))

    def command(self, line):
        """Sends one line with CRLF and returns the reply to it."""
        try:
            self.send(line + "\r\n")
        except (ConnectionResetError, BrokenPipeError):
            return self.reply()
        return self.reply()

    def message(self, text):
        """Sends a message after DATA's 354, with dots doubled, and returns the final reply."""
        lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
        body = "".join(("." if line.startswith(".") else "") + line + "\r\n" for line in lines)
        self.send(body + ".\r\n")
        return self.reply()

    def hello(self, name="client.example.net"):
        """Reads the greeting and says EHLO. Returns both replies."""
        return [self.reply(), self.command("EHLO " + name)]

    def starttls(self, context=None):
        """STARTTLS, then the handshake. Returns the reply; no TLS unless it is 220."""
        reply = self.command("STARTTLS")
        if reply.code == 220:
            self.secure(context)
        return reply

    def secure(self, context=None):
        """TLS from here on, unverified unless a context says otherwise."""
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self.connection = context.wrap_socket(self.connection)

    def auth_plain(self, name, password):
        token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        return self.command("AUTH PLAIN " + token)


def converse(session, commands):
    """Says the commands one after the other; returns all replies, the greeting first.

    A command is a line, sent with CRLF; a text with newlines is a message, sent as after DATA;
    bytes are sent as they are and answered by one reply. It ends early when the peer hangs up.
    """
    replies = [session.reply()]
    for command in commands:
        if replies[-1] == CLOSED:
            break
        if isinstance(command, bytes):
            session.send(command)
            replies.append(session.reply())
        elif "\n" in command:
            replies.append(session.message(command))
        else:
            replies.append(session.command(command))
    return replies
