"""Stands for `python` where a `warm.Warm` runs: warm_client.py FOLDER ARGUMENT..., with `-IS`.

It imports little, pathlib neither, because it is started for every command.
"""
# ruff: noqa: PTH102, PTH109, PTH119

import json
import os
import socket
import sys


def ask(folder: str, arguments: list[str]) -> int:
    """Run `python *arguments` in a fork, with this process's files, folder and environment.

    The first command of a name does not return: this process becomes it.
    """
    name = arguments[1] if arguments[0] == "-m" else os.path.basename(arguments[0])
    try:
        os.mkdir(f"{folder}/{name}.started")
    except FileExistsError:
        order = json.dumps([os.getcwd(), dict(os.environ), arguments]).encode()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"{folder}/socket")
            socket.send_fds(connection, [len(order).to_bytes(8, "big")], [0, 1, 2])
            connection.sendall(order)
            answer = connection.makefile("rb").read()
        code = int(answer or 1)  # no answer: the interpreter has been ended
        return code if code >= 0 else 128 - code  # as a shell says that a signal ended it
    os.execv(sys.executable, [sys.executable, *arguments])


sys.exit(ask(sys.argv[1], sys.argv[2:]))
