"""Jobs of one model."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from sonify.models.checkpoint import ModelCard
from sonify.models.cnn import Architecture
from sonify.models.job import ModelJob
from sonify.runtime.errors import SonifyError


def test_another_models_table_is_refused_by_name(tmp_path, monkeypatch):
    card = ModelCard(
        *("contrastive", 7, "fsd50k", "contrastive", "none", Architecture(width=1 / 8)),
        *("CNN12", "projection", 8),
    )
    file = tmp_path / "top.parquet"
    job = ModelJob(
        *(SimpleNamespace(), SimpleNamespace(), card, torch.device("cpu"), Path(), Path(), {}),
        inputs={"top_activations": file},
    )
    rows = pd.DataFrame({"model": ["contrastive-s7"] * 2})
    monkeypatch.setattr("sonify.models.job.tables.read", lambda path, name: rows)
    assert job.table("top_activations") is rows
    message = r"top\.parquet is that of contrastive-s7, not of contrastive-s0: delete it"
    with pytest.raises(SonifyError, match=message):
        replace(job, card=replace(card, seed=0)).table("top_activations")
