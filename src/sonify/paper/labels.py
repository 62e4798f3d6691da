"""What readers see in place of the short names in our tables."""

import pandas as pd

from sonify.data.corpora import registry
from sonify.runtime.errors import SonifyError

SCALES = {"mini": "miniature", "paper": "paper scale"}
METRICS = {"mAP": "mAP", "mAUC": "mAUC", "d_prime": "d′", "accuracy": "accuracy (%)"}
DATASETS = {dataset.name: dataset.display_name for dataset in registry.DATASETS.values()}
FINETUNES = {"none": "", "fconly": "fc-only", "full": "full"}


def scale_label(scale: str, setting: str = "") -> str:
    """The scale in words, and the sounds and network behind it if `setting` says them.

    Raises SonifyError unless the scale is mini or paper.
    """
    if scale not in SCALES:
        raise SonifyError(f"scale is {scale!r}: it must be one of {', '.join(SCALES)}")
    return f"{SCALES[scale]}: {setting}" if setting else SCALES[scale]


def finetuned_label(pretraining: str, finetune: str) -> str:
    """A model by how it was pretrained and finetuned: `contrastive, fc-only`; `from scratch`."""
    if finetune == "none":
        return "from scratch"
    return f"{pretraining}, {FINETUNES.get(finetune, finetune)}"


def encoder_label(regime: str, finetune: str) -> str:
    """An encoder by its regime, and its finetuning if it had any."""
    return regime if finetune == "none" else finetuned_label(regime, finetune)


def distinct_labels(curves: pd.DataFrame) -> dict[str, str]:
    """Labels by run, from columns run, regime, finetune; runs that would share one keep their
    name.
    """
    runs = curves[["run", "regime", "finetune"]].drop_duplicates().itertuples(index=False)
    plain = {run: encoder_label(regime, finetune) for run, regime, finetune in runs}
    taken = list(plain.values())
    return {run: label if taken.count(label) == 1 else run for run, label in plain.items()}


def clips_label(dataset: str, split: str, n_clips: int | None = None) -> str:
    """Which clips something was measured on, and how many: `AudioSet eval, 160 clips`."""
    label = f"{DATASETS.get(dataset, dataset)} {split}"
    return label if n_clips is None else f"{label}, {n_clips:,} clips"


def measured_on(frame: pd.DataFrame) -> str:
    """`clips_label` of a table of one dataset and split: n_clips, or the clips that it lists."""
    n = frame["n_clips"].max() if "n_clips" in frame else frame["clip_id"].nunique()
    return clips_label(*frame[["dataset", "split"]].iloc[0], int(n))
