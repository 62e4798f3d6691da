"""Tells what jobs read outside `results`: its name, its words for a sentence, and a digest.

Light: imported while the Snakefile is read.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from sonify.data.corpora.registry import DATASETS
from sonify.data.corpora.roots import Place, names_hash, walk
from sonify.evaluation.stage import Stage
from sonify.evaluation.stages.stems import SUFFIXES
from sonify.plan.plan import Plan
from sonify.runtime.seals import seal
from sonify.training.background_files import background_files

# By name, which says no place since folders may be moved: how a sentence calls it, and its digest.
Read = dict[str, tuple[str, str]]


class Outside:
    """Files of the user's that jobs read, by what these jobs do."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._names = cache(names_hash)  # one walk for all jobs that read a folder

    def local_names(self, dataset: str) -> str:
        """A hash of the files of a local corpus; empty for others."""
        source = self.plan.config.data.sources[dataset]
        if source.source != "local" or not source.path:
            return ""
        return self._names(Path(source.path), DATASETS[dataset].files)

    def prepare(self, dataset: str) -> Read:
        """The files of a local corpus; nothing for others."""
        if not (names := self.local_names(dataset)):
            return {}
        root = self.plan.config.data.sources[dataset].path
        return {"corpus": (f"the files of the corpus in {root}", names)}

    def measure(self, stage: Stage, settings: str) -> Read:
        """The stems that a job of an evaluation stage reads, and the backgrounds of probes."""
        folder = self.plan.evaluation.stems.folder
        if folder is None or "stems" not in stage.needs:
            return self.train(settings)
        stems = (f"the stems in {folder}", self._names(Path(folder), _stems))
        return self.train(settings) | {"stems": stems}

    def train(self, settings: str) -> Read:
        """The recordings that a training with these settings mixes in as backgrounds, if any."""
        folder = next(_folders(json.loads(settings)), None)
        if folder is None:
            return {}
        found = self._names(Path(folder), _backgrounds)
        return {"backgrounds": (f"the backgrounds in {folder}", found)}

    def claims(self) -> Read:
        """The claims of other runs, by the names of their columns."""
        beside = self.plan.config.reporting.beside
        return {
            f"the claims of {name}": (f"the claims of {name}", str(seal(Path(file))))
            for name, file in beside.items()
        }


def _folders(settings: Any) -> Iterator[str]:
    """Folders of backgrounds in settings, wherever a recipe stands in them; not unused ones."""
    if isinstance(settings, dict):
        if settings.get("background_folder") and settings.get("background_snr_db"):
            yield settings["background_folder"]
        for value in settings.values():
            yield from _folders(value)


def _backgrounds(folder: Path) -> Iterator[Place]:
    for file in background_files(folder):
        yield PurePosixPath(file.relative_to(folder).parent), file.name


def _stems(folder: Path) -> Iterator[Place]:
    yield from (place for place in walk(folder) if place[1].endswith(SUFFIXES))
