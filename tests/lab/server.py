"""TCP servers that a test plays itself, and a relay in user space, as container proxies are."""

import contextlib
import socket
import threading
import time


class Server:
    """Calls `handle(connection)` in a thread of its own for each connection to a port of a host.

    `errors` keeps each exception of the handler, but for the peer's hanging up. It serves
    until stop(), the end of a `with` block, or the end of the lab.
    """

    def __init__(self, host, port, handle, address=None):
        self.errors = []
        self.connections = 0
        self._handle = handle
        self._open = set()
        self._listener = host.listen(port, address)
        host.lab.on_exit(self.stop)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        """Closes the listener and every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            hang_up(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._handle(connection)
        except OSError:
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)
        finally:
            self._open.discard(connection)
            hang_up(connection)


def hang_up(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def relay(host, port, target, address=None, delay=0, header=b""):
    """A Server on `host` that passes every connection on to target = (address, port).

    The target sees the relay's address. delay: seconds by which all that passes is late, both ways.
    header: sent to the target first.
    """

    def handle(near):
        with contextlib.closing(host.connect(*target)) as far:
            far.settimeout(None)
            if header:
                far.sendall(header)
            back = threading.Thread(target=_copy, args=(far, near, delay), daemon=True)
            back.start()
            _copy(near, far, delay)
            back.join()

    return Server(host, port, handle, address)


def _copy(source, target, delay):
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            time.sleep(delay)
            target.sendall(octets)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
