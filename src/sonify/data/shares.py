"""A job's work on disk, whole or one of several shares: gone on with, handed over, merged."""

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sonify.data.kept import Kept
from sonify.runtime.errors import SonifyError
from sonify.runtime.unfinished import Unfinished, differences


@dataclass(frozen=True)
class Work:
    """The work of a job, kept in `folder`; `identity` says in words all that it depends on.

    share: (i, n) of a job that makes the i-th of n shares; shares: the folders in which such jobs
    have left theirs, for the job that merges.
    """

    folder: Path
    identity: Mapping[str, object]
    share: tuple[int, int] | None = None
    shares: Sequence[Path] = ()

    def kept(self) -> Kept:
        """Return the parts kept by this job so far, or those that the jobs sharing its work left.

        Raises SonifyError for shares that were made with something else.
        """
        if not self.shares:
            return Kept(self._unfinished().place, self.share)
        for folder in self.shares:
            names = differences(folder, self._whole)
            if names is None or names:
                what = f"was made with other {' and '.join(names)}" if names else "is no share"
                raise SonifyError(f"{folder} {what}: delete it and run again")
        return Kept(shares=self.shares)

    def hand_over(self, folder: Path) -> None:
        """Move what this share has made to `folder`: its job is done."""
        made = self._unfinished().place
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made.rename(folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _whole(self) -> dict[str, object]:
        number = self.share[1] if self.share else len(self.shares) or 1
        return {**self.identity, "number of shares": number}

    def _unfinished(self) -> Unfinished:
        return Unfinished(self.folder, self._whole)


def work_of(args: argparse.Namespace, identity: Callable[[], Mapping[str, object]]) -> Work | None:
    """Return the work that the options say is shared; None for a job that shares none."""
    if not (args.scatter or args.gather):
        return None
    return Work(args.work, identity(), args.scatter and tuple(args.scatter), args.gather)


def add_options(options: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add --work, --code, --scatter and --gather: of jobs that keep their work, or share it."""
    options.add_argument("--work", type=Path, help="folder for unfinished work")
    options.add_argument("--code", default="", help="hash of the job's code")
    words = "make the I-th of N shares alone, into the folder --out"
    options.add_argument("--scatter", type=int, nargs=2, metavar=("I", "N"), help=words)
    words = "the folders of all shares, to be merged"
    options.add_argument("--gather", type=Path, nargs="*", default=[], help=words)
    return options
