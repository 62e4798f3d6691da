"""The declaration of a dataset: what it is called, what it holds, how it is read and obtained.

Light: the workflow imports declarations while it is parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sonify.data.corpora.sources import PublishedSource, Source
from sonify.runtime.errors import SonifyError

if TYPE_CHECKING:
    from sonify.data.corpora.listing import Listing


@dataclass(frozen=True)
class Dataset:
    """One dataset, declared by its module of `sonify.data.corpora` as `DATASET`.

    name: key of the configuration and folder of results; display_name: what readers see.
    splits: in the order in which clips are listed, in the dataset's own words; scored_split: the
    one that results are measured on. read: its reader, from a corpus root to a listing.
    required: files and folders that a root must hold; lists: the files among them, and others that
    it may hold, that say which clips there are and how they are labelled.
    single_label: whether every clip has exactly one label; None if corpora differ in that.
    sources: where a corpus may come from, `synthetic` if `sonify.data.synthesis` has a module of
    that name. downloader: how it is downloaded (see `sonify.data.download.obtain`). options:
    the type of its block of the configuration.
    """

    name: str
    display_name: str
    splits: tuple[str, ...]
    scored_split: str
    read: Callable[[Path], Listing]
    required: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    single_label: bool | None = None
    sources: tuple[str, ...] = ("synthetic", "local", "download")
    downloader: Literal["archives", "collection"] | None = None
    options: type[Source] = PublishedSource

    def __post_init__(self) -> None:
        """Raise SonifyError for a declaration that contradicts itself."""
        if self.scored_split not in self.splits:
            raise SonifyError(f"{self.name} is scored on {self.scored_split!r}: name a split of it")
        if ("download" in self.sources) != (self.downloader is not None):
            raise SonifyError(f"{self.name} needs both the source download and a downloader")

    def missing(self, root: Path) -> list[str]:
        """The required files and folders that `root` lacks."""
        return [name for name in self.required if not (root / name).exists()]

    def present_lists(self, root: Path) -> list[str]:
        """The lists of clips and labels that `root` holds, relative to it."""
        return [name for name in self.lists if (root / name).is_file()]

    @property
    def folders(self) -> list[str]:
        """The required folders."""
        return [name for name in self.required if name not in self.lists]

    @property
    def objectives(self) -> tuple[str, ...]:
        """The training objectives that its labels allow, the fitting one first."""
        if self.single_label is None:
            return "multilabel", "multiclass"
        return ("multiclass",) if self.single_label else ("multilabel",)
