"""Jobs forked from an interpreter that has imported the heavy packages already.

Importing torch takes seconds of every job. `Warm` starts an interpreter that imports packages of
others, none of ours (a module may change while the workflow runs), and forks for every job; the
shell function `python` of job.sh asks it to, through warm_client.py. A fork has the folder, the
environment, the files and the arguments of the process that it stands for, and ends with it.
"""

import ctypes
import gc
import importlib
import marshal
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import launch

WORKFLOW = Path(__file__).resolve().parent
PARENTS_DEATH = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
# As Snakemake sets them for a job: numerical libraries read them when they are loaded.
THREADS = [f"{kind}_NUM_THREADS" for kind in ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")]


def possible() -> bool:
    """Return whether this system can fork jobs safely and see them end: Linux can, since 5.3."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class Warm:
    """An interpreter that imports `packages` and then forks for jobs with this number of threads.

    Its `socket` is there once it does. Before and after that, and where nothing can be forked, jobs
    are processes of their own. It ends with the process that made it, however that ends; jobs that
    it has forked go on.
    """

    def __init__(self, *packages: str, threads: int = 1) -> None:
        self.packages = packages
        self.threads = threads
        self.interpreter: subprocess.Popen | None = None

    def start(self) -> None:
        """Start the interpreter, and do not wait for it."""
        # Not in TMPDIR, because a socket's path must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="sonify-", dir="/tmp"))
        self.socket = self.folder / str(self.threads)
        start = [sys.executable, str(WORKFLOW / "warm.py"), str(self.socket), *self.packages]
        self.interpreter = subprocess.Popen(
            ["bash", "-c", '. "$0"; exec "$@"', str(WORKFLOW / "job.sh"), *start],
            stdin=subprocess.PIPE,  # closed when this process ends, however it ends
            env=os.environ | dict.fromkeys(THREADS, str(self.threads)),
        )

    @property
    def command(self) -> list[str]:
        """The command that takes the place of `python` where there is no shell."""
        return [sys.executable, "-IS", str(WORKFLOW / "warm_client.py"), str(self.socket)]

    def stop(self) -> None:
        """End the interpreter, were it still importing."""
        if self.interpreter:
            self.interpreter.terminate()
            self.interpreter.communicate()
            shutil.rmtree(self.folder, ignore_errors=True)


def accepted(path: Path) -> list[str]:
    """Fork for every client that connects to the socket `path`, until stdin is closed.

    Returns in the forked process, with the arguments of its command.
    """
    signal.signal(signal.SIGCHLD, reap)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
            connection, _ = listener.accept()
            # Where there is no room for a fork, the client, unheard, starts a process.
            with suppress(OSError):
                if not os.fork():
                    break
            connection.close()
        else:
            shutil.rmtree(path.parent, ignore_errors=True)
            os._exit(0)
    return watched(connection)


def reap(*_: object) -> None:
    """Take leave of all children that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def watched(connection: socket.socket) -> list[str]:
    """Fork once more for a client's order, wait for the job's end, and tell the client its status.

    The job is killed when the client has ended, as somebody who ends the client means to end it;
    it receives SIGTERM when the client or this process does.
    Returns in the job.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, files, *_ = socket.recv_fds(connection, 8, 3)
    length = int.from_bytes(header, "big")
    order = connection.recv(length, socket.MSG_WAITALL)
    if not files or len(order) < length:
        os._exit(1)  # the client was ended meanwhile
    watcher = os.getpid()
    if child := os.fork():
        for file in files:
            os.close(file)
        job = os.pidfd_open(child)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
        while job not in select.select([job, connection.fileno()], [], [])[0]:
            asked = connection.recv(1)  # by the client's handler; nothing if it has ended
            os.kill(child, signal.SIGTERM if asked else signal.SIGKILL)
            if not asked:
                break
        _, status = os.waitpid(child, 0)
        with suppress(OSError):
            connection.sendall(b"%d" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    ctypes.CDLL(None).prctl(PARENTS_DEATH, signal.SIGKILL)
    if os.getppid() != watcher:
        os._exit(1)
    connection.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, environment, arguments = marshal.loads(order)
    for standard, file in enumerate(files):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(folder)
    os.environb.clear()
    os.environb.update(environment)
    return arguments


def run(arguments: list[str]) -> None:
    """Do what an interpreter does with its command line."""
    library = os.environ.get("PYTHONPATH")
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # its own, as a process has
    launch.run(arguments, library.split(os.pathsep) if library else [])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches all; this process ends with stdin
    for package in sys.argv[2:]:
        importlib.import_module(package)
    gc.freeze()  # collections in the forks leave the memory that they share alone
    try:
        run(accepted(Path(sys.argv[1])))
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)
