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


def tie_jobs() -> None:
    """Have the jobs that this process starts on this machine end with it, however it ends.

    When it receives SIGTERM, so do they at once: a training writes a checkpoint then. Ctrl-C
    reaches them without it.
    """
    os.environ[RUN] = str(os.getpid())
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        os.environ[TOLD] = signal.Signals(number).name
        if callable(usual := before[signal.Signals(number)]):
            usual(number, frame)
        if number == signal.SIGTERM:
            for process in _descendants(os.getpid()):
                with suppress(OSError):  # has ended meanwhile
                    os.kill(process, signal.SIGTERM)

    signal.signal(signal.SIGTERM, on_signal)
    if callable(before[signal.SIGINT]):  # a shell's background jobs ignore it
        signal.signal(signal.SIGINT, on_signal)


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
