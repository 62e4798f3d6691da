"""What the loss of a training that has collapsed is, and which have."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from sonify.training.collapse import collapsed, constant_loss
from sonify.training.losses import nt_xent


@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize(("clips", "within"), [(2, None), (16, None), (16, 4), (11, 4), (7, 4)])
def test_it_is_the_loss_of_equal_projections(clips, within, temperature):
    alike = torch.ones(clips, 5) * 0.3
    expected = nt_xent(alike, alike.clone(), temperature, within).item()
    assert constant_loss(clips, within) == pytest.approx(expected, rel=1e-6)


def test_those_have_collapsed_whose_last_epoch_has_that_loss():
    constant = math.log(31)
    losses = {"learns": [3.4, 2.0], "collapses": [3.0, 3.433], "was there": [3.434, 3.3],
              "worse": [3.0, 3.6], "labelled": [0.7, 0.3]}  # fmt: skip
    rows = [
        {
            "model": m,
            "epoch": e,
            "loss": loss,
            "constant_loss": constant if m != "labelled" else np.nan,
        }
        for m, each in losses.items()
        for e, loss in enumerate(each, start=1)
    ]
    assert collapsed(pd.DataFrame(rows)) == ["collapses", "worse"]
