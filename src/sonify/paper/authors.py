"""The numbers of the authors' own runs, read from static/authors_results.csv.

The file beside it, authors_results.md, gives the source of each kind and how it was obtained.
Frames have a row for each run and layer and the columns regime, finetune, seed, layer and value
(mAP, accuracy or coherence, all in [0, 1]), sorted by the first four.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

AUTHORS = Path(__file__).resolve().parent / "static" / "authors_results.csv"

_VALIDATION = {"fsd50k": "val_mAP", "speech_commands": "val_accuracy"}
_COLUMNS = ["regime", "finetune", "seed", "layer", "value"]


def figure_4(dataset: str) -> "pd.DataFrame":
    """Return validation mAP (fsd50k) or accuracy (speech_commands) by layers retained, 1 to 11.

    Means over three runs, read off the picture: seed is 0 throughout.
    """
    rows = _figure("figure_4", _VALIDATION[dataset], f"{dataset}-")
    return _frame(rows[rows["kind"] == "read off the picture"].assign(seed="0"))


def figure_4_whole(dataset: str) -> "pd.DataFrame":
    """Return the dashed lines of Figure 4, three runs each; layer is 12, the whole encoder.

    They are fully finetuned models, at their best validation checkpoint. One of the three
    "contrastive, full" on Speech Commands was pretrained with labels, by mistake.
    """
    rows = _figure("figure_4_dashed", _VALIDATION[dataset], f"{dataset}-")
    return _frame(rows.assign(layer="12"))


def figure_6() -> "pd.DataFrame":
    """Return mAP on FSD50K eval after removal at layers 1 to 11; at 0 nothing is removed.

    Three runs each of contrastive pretraining, finetuned fconly or full.
    """
    return _frame(_figure("figure_6", "mAP", "fsd50k-"))


def figure_7() -> "pd.DataFrame":
    """Return the mean of the five highest coherence peaks at layers 1 to 11; finetune is none.

    Three runs a regime. The mean is over every filter's top five clips, not over the most active
    map of every clip.
    """
    return _frame(_figure("figure_7", "mean_top5_coherence"))


@cache
def _results() -> "pd.DataFrame":
    import pandas as pd

    return pd.read_csv(AUTHORS, dtype={"seed": str, "layer": str}, keep_default_na=False)


def _figure(figure: str, metric: str, prefix: str = "") -> "pd.DataFrame":
    """Return the rows of one measure whose model begins with `prefix`, which is removed."""
    results = _results()
    chosen = (results["figure"] == figure) & (results["metric"] == metric)
    rows = results[chosen & results["model"].str.startswith(prefix)]
    return rows.assign(model=rows["model"].str.removeprefix(prefix))


def _frame(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows in the columns that the module promises."""
    parts = rows["model"].str.partition("-")
    seeds = rows["seed"].str.extract(r"(\d+)", expand=False)  # "8881 (r4)", "run 1"
    frame = rows.assign(
        regime=parts[0],
        finetune=parts[2].replace("", "none"),
        seed=seeds.astype("int32"),
        layer=rows["layer"].astype("int16"),
        value=rows["value"].astype(float),
    )
    return frame[_COLUMNS].sort_values(_COLUMNS[:4], ignore_index=True)
