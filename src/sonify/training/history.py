"""The history of a training as tables: a row for every epoch, and a row for every step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sonify.models.checkpoint import ModelCard
from sonify.training.loop import Epoch


def of_epochs(
    epochs: Sequence[Mapping[str, Any]], card: ModelCard, constant: float = math.nan
) -> pd.DataFrame:
    """Return rows of contract history, from epoch, step, loss and learning_rate of each epoch.

    The card says which epoch the model is of, and the scores that it was selected by, if any.
    `constant` is the loss of projections that are all alike, of a contrastive training.
    """
    rows = pd.DataFrame(epochs)
    selection = card.selection or {"epoch": len(rows), "scores": np.full(len(rows), np.nan)}
    chosen = rows["epoch"] == selection["epoch"]
    own = {"val_score": selection["scores"], "chosen": chosen, "constant_loss": constant}
    return _named(rows.assign(**own), card)


def of_steps(last: Epoch, card: ModelCard) -> pd.DataFrame:
    """Return rows of contract step_history, from the last epoch of a training."""
    at = np.arange(last.step)
    steps = {
        "epoch": at // (last.step // last.epoch) + 1,
        "step": at + 1,
        "loss": last.losses.double().cpu().numpy(),
        "learning_rate": last.rates,
    }
    return _named(pd.DataFrame(steps), card)


def _named(rows: pd.DataFrame, card: ModelCard) -> pd.DataFrame:
    return rows.assign(dataset=card.dataset, **card.keys)
