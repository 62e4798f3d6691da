"""What jobs read outside `results`: a name for each, its words for a sentence, and a digest.

Light: imported while the Snakefile is read.
"""

from functools import cache
from pathlib import Path

from sonify.data.corpora.registry import DATASETS
from sonify.data.corpora.roots import names_hash
from sonify.plan.plan import Plan

# By name, which says no place since folders may be moved: how a sentence calls it, and its digest.
Read = dict[str, tuple[str, str]]


class Outside:
    """Files of the user's that jobs read; methods are named after the rules."""

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
