"""Stands for `python` where a `warm.Warm` runs: warm_client.py SOCKET ARGUMENT..., with `-IS`.

It imports only what is built in, because it is started for every job.
"""
# ruff: noqa: PTH100, PTH109, PTH120

import _signal
import _socket
import marshal
import os
import sys

FILES = (0, 1, 2)
LAUNCH = f"{os.path.dirname(os.path.abspath(__file__))}/launch.py"


def ask(socket: str, arguments: list[str]) -> int:
    """Run `python *arguments` in a fork, with this process's files, folder and environment.

    Where nobody listens, or has heard all of it, this process becomes it instead.
    """
    order = marshal.dumps((os.getcwd(), dict(os.environb), arguments))
    files = b"".join(file.to_bytes(4, sys.byteorder) for file in FILES)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(socket)
        connection.sendmsg([len(order).to_bytes(8, "big")], [rights])
        connection.sendall(order)
        _signal.signal(_signal.SIGTERM, lambda *_: connection.send(b"T"))  # for the job to hear
        code = int(connection.recv(8) or 1)  # no answer: what has heard it has been ended
    except OSError:
        os.execv(sys.executable, [sys.executable, LAUNCH, *arguments])
    return code if code >= 0 else 128 - code  # as a shell says that a signal ended it


# Control-C reaches the job as it does this process, which it ends without a word.
_signal.signal(_signal.SIGINT, _signal.SIG_DFL)
sys.exit(ask(sys.argv[1], sys.argv[2:]))
