"""Runs that are alive, and what is left of those that are not.

Snakemake's own lock stays when its process is killed, and does not say whose it is; jobs that it
has started go on. So each run holds a lock of the system on one file, which ends with the process
however that ends, and its jobs watch the process (`sonify.runtime.jobs`).
"""

import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

SNAKEMAKE = Path(".snakemake")
RUN = "SONIFY_RUN"  # process that jobs on this machine end with
BESIDE = (
    "another run is going on here, or was killed: what it has not finished is among the jobs listed"
)
TOLD = "SONIFY_TOLD"  # the signal that ends this process, for what it says of jobs after that
MAKES = ("make", "gmake")
PAUSE_S = 0.2  # in which a signal reaches all that it is sent to, and ends some
_held: list[IO[str]] = []  # open as long as this process lives


def hold(folder: Path = SNAKEMAKE) -> None:
    """Show, for as long as this process lives, that a run of the project with `folder` is alive.

    Any number may: whether they are in each other's way is for Snakemake to say. Where the file
    system knows no locks, nothing is shown, and `remove_dead` finds none that it could judge.
    """
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        _held.append((folder / "alive").open("a+", encoding="utf-8"))
        fcntl.flock(_held[-1], fcntl.LOCK_SH)
        _held[-1].write(f"{socket.gethostname()}\n")
        _held[-1].flush()


def remove_dead(folder: Path = SNAKEMAKE) -> str | None:
    """Remove the locks of dead Snakemake processes, and say so; None if there are none.

    Never those of a living one, which holds the system's lock. That may be unknown to other
    machines, so the locks of a run that was on another one are left, and said to be there.
    """
    locks = list((folder / "locks").glob("*.lock"))
    try:
        file = (folder / "alive").open("r+", encoding="utf-8")
    except OSError:  # no run that shows itself has been here, or we may not write
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # one is alive, or there are no locks on this file system
            return None
        others = set(file.read().split()) - {socket.gethostname()}
        if others and locks:
            return (
                f"{folder / 'locks'} belongs to a run on {', '.join(sorted(others))}: if that run "
                "is dead, make run ARGS=--unlock there or here, then run again"
            )
        for lock in locks:
            lock.unlink(missing_ok=True)
        file.truncate(0)
        return "removed the lock of a run that was killed" if locks else None


def tell_beside() -> None:
    """Have a dry run beside another run say so, where Snakemake would speak of an error and go on.

    It locks nothing, and has no need to.
    """
    from snakemake.persistence import PersistenceBase

    @contextmanager
    def lock_warn_only(persistence: PersistenceBase) -> Iterator[None]:
        if persistence.locked:
            sys.stderr.write(f"{BESIDE}\n")
        yield

    PersistenceBase.lock_warn_only = lock_warn_only


def tie_jobs(here: bool = True) -> None:
    """Have the jobs that this process starts on this machine end with it, however it ends.

    When it receives SIGTERM, or SIGINT alone, so do they at once, as SIGTERM: a training writes a
    checkpoint then. Ctrl-C reaches them without it, and a second one changes nothing: all is ending
    already. Where jobs are not `here` but on a cluster, Snakemake cancels them.
    """
    if here:
        os.environ[RUN] = str(os.getpid())
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        again = TOLD in os.environ
        os.environ[TOLD] = signal.Signals(number).name
        if here and number == signal.SIGINT and _unaware():
            _terminate_descendants()
        usual = before[signal.Signals(number)]
        if callable(usual) and number == signal.SIGTERM:
            # Snakemake's waits for a lock that this thread holds while it selects jobs. Jobs that
            # it then still begins see TOLD, and end at once (job.sh).
            threading.Thread(target=usual, args=(number, frame), daemon=True).start()
        elif callable(usual) and not again:
            usual(number, frame)
        if here and number == signal.SIGTERM:
            _terminate_descendants()

    signal.signal(signal.SIGTERM, on_signal)
    if callable(before[signal.SIGINT]):  # a shell's background jobs ignore it
        signal.signal(signal.SIGINT, on_signal)
        if (make := os.getppid()) and _name(make) in MAKES:
            threading.Thread(target=_end_with_make, args=(make,), daemon=True).start()


def _end_with_make(make: int) -> None:
    """Interrupt this process when SIGINT has reached make, its parent, alone.

    make passes SIGTERM on, but takes SIGINT for Ctrl-C, which its children get too, and waits for
    them. While it waits, it no longer handles SIGINT, which the system can see.
    """
    while os.getppid() == make and TOLD not in os.environ:
        time.sleep(PAUSE_S)
        if _would_end_of_sigint(make):
            time.sleep(PAUSE_S)  # Ctrl-C has reached this process by then
            if TOLD not in os.environ:
                os.kill(os.getpid(), signal.SIGINT)
            return


def _unaware() -> bool:
    """Return whether a SIGINT that this process received has not reached the processes below it.

    Ctrl-C, which reaches all, has ended those that do not handle it, such as the `tee` of each job.
    """
    time.sleep(PAUSE_S)
    return any(map(_would_end_of_sigint, _descendants(os.getpid())))


def _would_end_of_sigint(process: int) -> bool:
    """Return whether a living process neither handles nor ignores SIGINT; False without /proc."""
    with suppress(OSError, KeyError):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        kept = int(status["SigCgt"], 16) | int(status["SigIgn"], 16)
        return status["State"][0] not in "ZX" and not kept >> (signal.SIGINT - 1) & 1
    return False


def _name(process: int) -> str:
    """Return the name of a process, empty where the system has no /proc."""
    with suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text().strip()
    return ""


def _terminate_descendants() -> None:
    for process in _descendants(os.getpid()):
        with suppress(OSError):  # has ended meanwhile
            os.kill(process, signal.SIGTERM)


def _descendants(process: int) -> list[int]:
    """The processes below one, where the system has /proc; else none."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))

    def below(parent: int) -> Iterator[int]:
        for child in children.get(parent, []):
            yield child
            yield from below(child)

    return list(below(process))
