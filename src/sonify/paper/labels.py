"""The words that readers see in place of the short names in our tables."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

from sonify.data.corpora import registry
from sonify.runtime.errors import SonifyError

SCALES = {"mini": "miniature", "paper": "paper scale"}
METRICS = {"mAP": "mAP", "mAUC": "mAUC", "d_prime": "d′", "accuracy": "accuracy (%)"}
DATASETS = {dataset.name: dataset.display_name for dataset in registry.DATASETS.values()}
FINETUNES = {"none": "", "fconly": "fc-only", "full": "full"}
# In the order in which readers meet them: what was decided, then what was not.
DECIDED = ("reproduced", "contradicted", "equivalent")
UNDECIDED = ("inconclusive", "at chance", "not run")
VERDICTS = (*DECIDED, *UNDECIDED)


def scale_label(scale: str, setting: str = "") -> str:
    """Return the scale in words, followed by `setting`, the sounds and networks behind it, if any.

    Raises SonifyError unless the scale is mini or paper.
    """
    if scale not in SCALES:
        raise SonifyError(f"scale is {scale!r}: it must be one of {', '.join(SCALES)}")
    return f"{SCALES[scale]}: {setting}" if setting else SCALES[scale]


def finetuned_label(pretraining: str, finetune: str) -> str:
    """Name a model by its pretraining and finetuning: `contrastive, fc-only`; `from scratch`."""
    if finetune == "none":
        return "from scratch"
    return f"{pretraining}, {FINETUNES.get(finetune, finetune)}"


def encoder_label(regime: str, finetune: str) -> str:
    """Name an encoder by its regime, and by its finetuning if it had any."""
    return regime if finetune == "none" else finetuned_label(regime, finetune)


def distinct_labels(curves: "pd.DataFrame") -> dict[str, str]:
    """Return labels by run, from columns run, regime, finetune.

    Runs whose labels would be equal keep their names.
    """
    runs = curves[["run", "regime", "finetune"]].drop_duplicates().itertuples(index=False)
    plain = {run: encoder_label(regime, finetune) for run, regime, finetune in runs}
    taken = list(plain.values())
    return {run: label if taken.count(label) == 1 else run for run, label in plain.items()}


def clips_label(dataset: str, split: str, n_clips: int | None = None) -> str:
    """Name the clips of a measurement, and their number if given: `AudioSet eval, 160 clips`."""
    label = f"{DATASETS.get(dataset, dataset)} {split}"
    return label if n_clips is None else f"{label}, {n_clips:,} clips"


def measured_on(frame: "pd.DataFrame") -> str:
    """Return `clips_label` for a table of one dataset and split, counting the clips of a seed."""
    listed = frame["n_clips"] if "n_clips" in frame else frame.groupby("seed")["clip_id"].nunique()
    n = listed.max()
    dataset, split = frame[["dataset", "split"]].iloc[0]
    return clips_label(dataset, split, int(n))
