"""Which run of the configuration is which line of the paper: by what it is, never by its name."""

from collections.abc import Mapping

from sonify.paper.published import Line, Model, PaperTable
from sonify.runtime.errors import SonifyError

Facts = Mapping[
    str, dict
]  # by run: what it was trained on and from what, see the scripts' settings


def runs_of_lines(table: PaperTable, runs: Facts) -> list[tuple[Line | None, str | None]]:
    """The table's lines, each with its run (None: a baseline, or not in the configuration), and
    after them, without a line, the runs that the paper lacks, by name.

    Raises SonifyError when two runs of the configuration are the same line.
    """
    kind = [run for run in sorted(runs) if _belongs(table, runs, run)]
    found = [(line, _run_of(line, kind, runs)) for line in table.lines]
    taken = {run for _, run in found}
    others = [run for run in kind if run not in taken] if table.others else []
    return [*found, *((None, run) for run in others)]


def _belongs(table: PaperTable, runs: Facts, run: str) -> bool:
    classifies = runs[run]["objective"] != "contrastive"
    return classifies and _trained_on(runs[run]) == table.trained_on


def _run_of(line: Line, kind: list[str], runs: Facts) -> str | None:
    if line.model is None:
        return None
    same = [run for run in kind if _is(line.model, runs, run)]
    if len(same) > 1:
        raise SonifyError(
            f"runs {' and '.join(same)} of the configuration are both the paper's line "
            f"{line.system!r}: keep one of them, or give the others an architecture of another name"
        )
    return same[0] if same else None


def pretraining(facts: dict) -> str:
    """none, or how the encoder that the run starts from was first trained."""
    return "none" if facts["start"] is None else facts["regime"]


def _is(model: Model, runs: Facts, run: str) -> bool:
    facts = runs[run]
    found = (facts["architecture"], facts["downsampling"], facts["finetune"], pretraining(facts))
    if found != (model.architecture, "pool", model.finetune, model.pretraining):
        return False
    if model.pretraining == "none":
        return True
    first = runs[facts["start"]]  # a longer chain is no pretraining of the paper
    if first["start"] is not None or _trained_on(first) != "audioset":
        return False
    if model.pretraining == "supervised":
        return True
    given = (facts["temperature"], tuple(sorted(facts["augmentation"])))
    return given == (model.temperature, model.augmentation)


def _trained_on(facts: dict) -> str:
    balanced = facts["dataset"] == "audioset" and list(facts["splits"]) == ["balanced_train"]
    return "balanced" if balanced else facts["dataset"]
