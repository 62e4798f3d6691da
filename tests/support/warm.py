"""Processes forked from an interpreter that has imported the heavy packages already.

Importing torch takes seconds of every job, and the smoke run has over a hundred that differ in
nothing but their model. `Warm` runs an interpreter that imports packages of others once, none of
ours, and forks for every command. The first command of each script is always a process of its own,
as in `make run`: a script that does not import what it needs, say, cannot hide.
"""

import gc
import json
import os
import runpy
import select
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

CLIENT = Path(__file__).with_name("warm_client.py")


class Warm:
    """A context manager, within whose block the interpreter runs.

    `command` stands for `python`, and so does the function `python` of a shell that reads
    `functions`. Where forking is unsafe, that is anywhere but on Linux, both are `python`. `setup`
    is shell code that precedes the interpreter's start.
    """

    def __init__(self, *packages: str, setup: str = "") -> None:
        self.packages = packages
        self.setup = setup

    def __enter__(self) -> "Warm":
        self.folder = tempfile.TemporaryDirectory(prefix="warm")  # short, as sockets' paths must be
        self.command = [sys.executable]
        if sys.platform == "linux":
            self.command += ["-IS", str(CLIENT), self.folder.name]
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(f"{self.folder.name}/socket")
                listener.listen(64)
                start = [sys.executable, __file__, str(listener.fileno()), *self.packages]
                self.interpreter = subprocess.Popen(
                    ["bash", "-c", f'{self.setup}exec "$@"', "bash", *start],
                    stdin=subprocess.PIPE,  # closed when this process ends, however it ends
                    pass_fds=[listener.fileno()],
                    env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
                )
        self.functions = Path(self.folder.name, "functions.sh")
        self.functions.write_text(f'python() {{ {shlex.join(self.command)} "$@"; }}\n')
        return self

    def __exit__(self, *exception: object) -> None:
        if len(self.command) > 1:
            self.interpreter.communicate()
        self.folder.cleanup()


def accepted(listener: socket.socket) -> list[str]:
    """Fork for every client. Returns in the forked process, with the arguments of its command."""
    running = set()
    while True:
        running = {child for child in running if os.waitpid(child, os.WNOHANG) == (0, 0)}
        if sys.stdin in select.select([sys.stdin, listener], [], [])[0]:
            os._exit(0)
        connection, _ = listener.accept()
        if not (child := os.fork()):
            break
        running.add(child)
        connection.close()
    listener.close()
    header, files, *_ = socket.recv_fds(connection, 8, 3)
    order = connection.makefile("rb").read(int.from_bytes(header, "big"))
    if child := os.fork():
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        connection.sendall(b"%d" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    connection.close()
    for standard, file in enumerate(files):
        os.dup2(file, standard)
        os.close(file)
    folder, environment, arguments = json.loads(order)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return arguments


def run(arguments: list[str]) -> None:
    """Do what an interpreter does with its command line."""
    library = os.environ.get("PYTHONPATH")
    added = library.split(os.pathsep) if library else []
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[:1] = [str(Path.cwd()), *added]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[:1] = [str(Path(arguments[0]).resolve().parent), *added]
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    for package in sys.argv[2:]:
        __import__(package)
    gc.freeze()  # collections in the forks leave the memory that they share alone
    run(accepted(socket.socket(fileno=int(sys.argv[1]))))
