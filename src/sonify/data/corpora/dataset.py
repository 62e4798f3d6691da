"""The declaration of a dataset: its names, splits and files, and its reader and sources.

Imports must stay light: the workflow loads declarations while it is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sonify.data.corpora.sources import PublishedSource, Source
from sonify.runtime.errors import SonifyError

if TYPE_CHECKING:
    from sonify.data.corpora.listing import Listing
    from sonify.data.corpora.roots import Place


@dataclass(frozen=True)
class Dataset:
    """A dataset, declared as `DATASET` in its module of `sonify.data.corpora`.

    name: configuration key and name of its results directory; display_name: as shown to readers.
    splits: the dataset's own names, in the order in which clips are listed; scored_split: the one
    that results are measured on. read: reads the corpus at a root into a listing.
    required: files and directories that a root must have; lists: those files, required or optional,
    that list clips and their labels. files: those at a root that its reader takes notice of, so
    that others do not count as a change of the corpus; None: all but what systems leave behind.
    single_label: True if every clip has exactly one label; None if that depends on the corpus.
    sources: permitted origins of a corpus, `synthetic` only if `sonify.data.synthesis` has a module
    of that name. downloader: how it is downloaded (see `sonify.data.download.obtain`). options: the
    type of its configuration block.
    """

    name: str
    display_name: str
    splits: tuple[str, ...]
    scored_split: str
    read: Callable[[Path], Listing]
    required: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    files: Callable[[Path], Iterable[Place]] | None = None
    single_label: bool | None = None
    sources: tuple[str, ...] = ("synthetic", "local", "download")
    downloader: Literal["archives", "collection"] | None = None
    options: type[Source] = PublishedSource

    def __post_init__(self) -> None:
        """Raise SonifyError for a declaration that contradicts itself."""
        if self.scored_split not in self.splits:
            raise SonifyError(
                f"{self.name}: scored_split {self.scored_split!r} is not a split: name one"
            )
        if ("download" in self.sources) != (self.downloader is not None):
            raise SonifyError(
                f"{self.name}: declare both the source download and a downloader, or neither"
            )

    def missing(self, root: Path) -> list[str]:
        """The required files and directories that are missing from `root`."""
        return [name for name in self.required if not (root / name).exists()]

    def present_lists(self, root: Path) -> list[str]:
        """The lists of clips and labels present in `root`, as paths relative to it."""
        return [name for name in self.lists if (root / name).is_file()]

    @property
    def folders(self) -> list[str]:
        """The required directories."""
        return [name for name in self.required if name not in self.lists]

    @property
    def objectives(self) -> tuple[str, ...]:
        """The training objectives that suit its labels, the default first."""
        if self.single_label is None:
            return "multilabel", "multiclass"
        return ("multiclass",) if self.single_label else ("multilabel",)
