"""The processes of a training that several share: started, connected, watched and ended.

The first rank is the job itself. It starts the others by its own command and ends them. It alone
reads and writes the checkpoint, validates, reports, and receives signals to end. So nothing
stands between a job and who started it, as torchrun's agent would, which restarts what has failed
and reports it at length. What the others say is kept for the sentence about one that fails. Data
on the CPU goes through gloo, data on a GPU through NCCL.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import torch
import torch.distributed as dist

from sonify.runtime.errors import SonifyError
from sonify.runtime.jobs import say
from sonify.training.ranks import ALONE, Ranks

VARIABLE = "SONIFY_RANK"  # of a rank that a job has started: its number and where they meet
GRACE_S = 5.0  # in which ranks notice that one has ended, and end
PATIENCE_S = 30.0  # in which a rank that has closed its connections ends: Python takes its time


@contextmanager
def together(count: int, device: torch.device) -> Iterator[Ranks]:
    """This process as one of `count` ranks, on one GPU each where `device` is one.

    The process that is called first starts the others by the command that it was itself started
    with. Raises SonifyError for more ranks than GPUs, and, naming it, when another rank ends early;
    one that waits for it in vain is ended with that sentence.
    """
    if count == 1:
        yield ALONE
    elif assigned := os.environ.get(VARIABLE):
        for ended_by_the_first in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ended_by_the_first, signal.SIG_IGN)
        rank, _, folder = assigned.partition(" ")
        with joined(Ranks(int(rank), count), Path(folder), device) as ranks:
            yield ranks
    else:
        check(count, device)
        with TemporaryDirectory(prefix="sonify-ranks-") as name, _Others(count, Path(name)) as rest:
            first = joined(Ranks(0, count), rest.folder, device)
            with rest.blamed(), first as ranks, rest.blamed():  # before it disconnects, too
                yield ranks


def check(count: int, device: torch.device) -> None:
    """Raise SonifyError for more ranks than the device has room for."""
    if device.type == "mps":
        raise SonifyError(
            f"training.processes is {count}, but PyTorch has one GPU here: set it to 1, or device "
            "to cpu"
        )
    if device.type == "cuda" and (there := torch.cuda.device_count()) < count:
        raise SonifyError(f"training.processes is {count}, but there are {there} GPUs: lower it")


@contextmanager
def joined(ranks: Ranks, folder: Path, device: torch.device) -> Iterator[Ranks]:
    """The same ranks, connected; they meet in `folder`, on one machine."""
    backends = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(ranks.rank)
        backends = "cpu:gloo,cuda:nccl"
    local = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    if local:  # gloo else looks this machine's name up, which may have no address
        os.environ.setdefault("GLOO_SOCKET_IFNAME", local[0])
    store = dist.FileStore(str(folder / "store"), ranks.count)
    dist.init_process_group(
        backends,
        store=store,
        rank=ranks.rank,
        world_size=ranks.count,
        timeout=timedelta(days=30),  # the others wait while the first one validates
    )
    try:
        yield ranks
    finally:
        dist.destroy_process_group()


class _Others:
    """The ranks that the first has started, which end with it, and it with them."""

    def __init__(self, count: int, folder: Path) -> None:
        self.count = count
        self.folder = folder
        self.processes: dict[int, subprocess.Popen] = {}
        self._done, self._noticed = threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        environment = os.environ | {"SONIFY_RUN": str(os.getpid())}  # ends them: runtime.jobs.run
        for of_the_first in ("SONIFY_JOB", "SONIFY_MADE"):
            environment.pop(of_the_first, None)
        for rank in range(1, self.count):
            with self._said(rank).open("wb") as said:
                self.processes[rank] = subprocess.Popen(
                    [sys.executable, *sys.orig_argv[1:]],
                    env=environment | {VARIABLE: f"{rank} {self.folder}"},
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    start_new_session=True,  # Control-C and a shell's signals are for the first
                )
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for process in self.processes.values():
            process.kill()
            process.wait()

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Put a connection that is lost down to the rank that has ended."""
        try:
            yield
        except RuntimeError:
            self._noticed.set()
            if self._failed(PATIENCE_S):
                raise SonifyError(self._why()) from None
            raise

    def _watch(self) -> None:
        """End this process with a sentence if another rank fails and it does not end by itself."""
        while not self._done.wait(0.1):
            if not self._failed() or self._noticed.is_set():
                continue
            if not self._done.wait(GRACE_S) and not self._noticed.is_set():
                say(f"error: {self._why()}")
                os._exit(1)

    def _failed(self, patience_s: float = 0.0) -> bool:
        """Return whether a rank has failed, after waiting for it, and then for others to end."""
        processes = self.processes.values()
        _wait(lambda: any(p.poll() for p in processes), patience_s)
        failed = any(p.poll() for p in processes)
        if failed and patience_s:
            _wait(lambda: all(p.poll() is not None for p in processes), GRACE_S)
        return failed

    def _why(self) -> str:
        """Say which rank has ended and of what, the one that the others have not ended of."""
        ends = {rank: p.returncode for rank, p in self.processes.items() if p.poll()}
        said = {rank: self._said(rank).read_text(errors="replace").strip() for rank in ends}
        last = {
            rank: text.rpartition("\n")[2].removeprefix(f"[rank{rank}]: ")
            for rank, text in said.items()
        }

        def order(rank: int) -> tuple[bool, bool]:
            return ends[rank] > 0, not last[rank].startswith("error: ")

        rank = min(ends, key=order)
        who = f"process {rank + 1} of {self.count} of this training"
        if ends[rank] < 0:
            name = signal.Signals(-ends[rank]).name
            why = f"{name}, perhaps for lack of memory" if name == "SIGKILL" else name
            return f"{who} was ended by {why}: the same command goes on from its checkpoint"
        if last[rank].startswith("error: "):
            return f"{last[rank].removeprefix('error: ')} ({who})"
        if not said[rank]:
            return f"{who} failed with status {ends[rank]}"
        sys.stderr.write(f"{said[rank]}\n")  # a bug keeps its traceback
        return f"{who} failed: {last[rank]}"

    def _said(self, rank: int) -> Path:
        return self.folder / f"{rank}.log"


def _wait(until: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        time.sleep(0.05)
