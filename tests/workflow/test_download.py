"""Downloaded datasets through the workflow: miniature archives from a server that misbehaves."""

import re
import shutil

import miniatures
import pandas as pd
import pytest
import servers


@pytest.fixture
def downloading(workflow, tmp_path, rng):
    """A workflow that downloads two datasets, and the server it downloads from."""
    catalogue = workflow.checkout / "src/sonify/data/download/catalogue.toml"
    miniatures.publish(tmp_path / "published", rng, catalogue)
    with servers.Server(tmp_path / "published") as server:
        point(workflow, server.url)
        yield workflow, server


def point(workflow, url):
    sources = {"source": "download", "base_url": url}
    repeated = {**sources, "min_duration_s": 1}  # its miniatures are shorter than min_samples
    workflow.overlay({"data": {"fsd50k": repeated, "speech_commands": sources}})


def test_from_the_published_archives_to_prepared_clips(downloading):
    workflow, server = downloading
    datasets = ("fsd50k", "speech_commands")
    manifests = [f"results/data/{dataset}/manifest.parquet" for dataset in datasets]

    server.faults["FSD50K.eval_audio.z01"] = [servers.drop(9_000), servers.status(404)]
    printed = workflow(*manifests, "--keep-going", fails=True)
    assert " in all: fsd50k 2" in printed
    assert "FSD50K.eval_audio.z01: the server answers 404" in printed
    assert "Traceback" not in printed

    workflow(*manifests)
    ranges = [request.range for request in server.asked("FSD50K.eval_audio.z01")]
    assert ranges == [None, "bytes=9000-", "bytes=9000-"]
    assert len(server.asked("FSD50K.dev_audio.z01")) == 1
    clips = {name: pd.read_parquet(workflow.folder / name) for name in manifests}
    assert [len(clips[name]) for name in manifests] == [22, 18]
    receipt = pd.read_parquet(workflow.folder / "results/data/downloads/fsd50k.parquet")
    assert set(miniatures.DEV_PARTS) < set(receipt["file"])

    # The same files from elsewhere: nothing to fetch, nothing to prepare anew.
    point(workflow, "http://elsewhere.invalid")
    printed = workflow("--dry-run", *manifests)
    assert "Nothing to be done" in printed and "to download" not in printed

    # Without the corpus the prepared clips do; who wants it again is told how.
    shutil.rmtree(workflow.folder / "corpora/fsd50k")
    printed = workflow("--dry-run", *manifests)
    assert "Nothing to be done" in printed and "to download" not in printed
    (remedy,) = re.findall(
        r"corpora/fsd50k has been deleted: .*, add (--forcerun \w+)$", printed, re.M
    )
    assert workflow.planned(*manifests, *remedy.split()) == {
        "download_fsd50k": 1,
        "prepare_fsd50k": 1,
    }


def test_the_paper_lists_its_downloads_without_the_network(workflow):
    paper = str(workflow.checkout / "workflow/configs/paper.yaml")
    printed = workflow("--dry-run", "--configfile", paper, "--quiet", "host")
    assert "to download: 2.51 TB in all: audioset 2.48 TB, fsd50k 24.7 GB, speech_comm" in printed
    assert "download fsd50k (24.7 GB) to corpora/FSD50K" in printed
