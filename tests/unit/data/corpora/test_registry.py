"""The declarations of datasets, against what they speak of."""

from dataclasses import replace
from typing import get_args, get_type_hints

import pytest

from sonify.data.corpora.registry import DATASETS
from sonify.data.download import catalogue
from sonify.data.download.obtain import _DOWNLOADERS
from sonify.data.synthesis.corpora import raw_corpus
from sonify.runtime.errors import SonifyError


@pytest.mark.parametrize("name", DATASETS)
def test_a_declaration_says_what_there_is(name, tmp_path):
    dataset = DATASETS[name]
    assert dataset.name == name and len(set(dataset.splits)) == len(dataset.splits)
    if "synthetic" in dataset.sources:
        with pytest.raises(SonifyError, match=f"settings of {name} are"):
            raw_corpus(name, {}, seed=0)
    else:
        with pytest.raises(SonifyError, match=f"no dataset named '{name}'"):
            raw_corpus(name, {}, seed=0)
    if "download" in dataset.sources:
        assert dataset.downloader in _DOWNLOADERS
        assert catalogue.pending_bytes(name, tmp_path, dataset.splits) > 10**9
    assert get_args(get_type_hints(dataset.options)["source"]) == dataset.sources


def test_labels_decide_on_the_objective():
    found = {name: dataset.objectives for name, dataset in DATASETS.items()}
    assert found == {
        "audioset": ("multilabel",),
        "fsd50k": ("multilabel",),
        "speech_commands": ("multiclass",),
        "folder": ("multilabel", "multiclass"),
    }


def test_a_declaration_that_contradicts_itself_is_refused():
    with pytest.raises(SonifyError, match="audioset: scored_split 'test' is not a split: name one"):
        replace(DATASETS["audioset"], scored_split="test")
    with pytest.raises(SonifyError, match="both the source download and a downloader"):
        replace(DATASETS["audioset"], downloader=None)
