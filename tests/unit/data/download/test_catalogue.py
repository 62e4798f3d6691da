"""The catalogue states what is published, and how much of it is lacking."""

import tomllib
from pathlib import Path

import pytest

from sonify.data.corpora.registry import DATASETS
from sonify.data.download import catalogue

ROOT = Path(__file__).resolve().parents[4]


def test_fsd50k_as_zenodo_lists_it():
    archives = catalogue.archives("fsd50k", DATASETS["fsd50k"].splits)
    audio = [a for a in archives if "audio" in a.name]
    assert [len(a.files) for a in audio] == [6, 2]
    assert sum(a.n_bytes for a in audio) == 24_671_691_926
    assert sum(len(a.files) for a in archives) == 11
    assert all(
        f.checksum.startswith("md5:") and len(f.checksum) == 36 for a in audio for f in a.files
    )
    assert audio[0].files[0].url == (
        "https://zenodo.org/records/4060432/files/FSD50K.dev_audio.z01?download=1"
    )
    lists = next(a for a in archives if "ground_truth" in a.name).counts
    assert next(a for a in archives if "metadata" in a.name).counts == {"FSD50K.metadata/*.json": 4}
    counts = [n for archive in audio for n in archive.counts.values()]
    assert counts == list(lists.values()) == [40_966, 10_231]


def test_speech_commands_are_the_35_words():
    (archive,) = catalogue.archives("speech_commands", ["test"])
    assert archive.n_bytes == 2_428_923_189 and len(archive.files[0].checksum) == 7 + 64
    assert len(set(archive.folders) - {"_background_noise_"}) == 35
    clips, val, test = archive.counts.values()
    assert clips - val - test == 84_843


def test_a_mirror_holds_the_files_by_their_names():
    for base in ("http://mirror/x", "http://mirror/x/"):
        (archive,) = catalogue.archives("speech_commands", [], base)
        assert archive.files[0].url == "http://mirror/x/speech_commands_v0.02.tar.gz"


@pytest.mark.parametrize(
    ("splits", "audio"), [(["train"], ["dev"]), (["val"], ["dev"]), (["eval"], ["eval"])]
)
def test_an_archive_is_wanted_for_its_splits(splits, audio):
    names = [a.name for a in catalogue.archives("fsd50k", splits) if "audio" in a.name]
    assert names == [f"FSD50K.{name}_audio.zip" for name in audio]


def test_disk_by_hand():
    """dev and eval unpacked, and of the archives all, or last part and two more of the larger."""
    wanted = [
        a for a in catalogue.archives("fsd50k", DATASETS["fsd50k"].splits) if "audio" in a.name
    ]
    unpacked = 25_700_000_000 + 8_900_000_000
    assert catalogue.disk_bytes(wanted, True) == unpacked + 24_671_691_926
    assert catalogue.disk_bytes(wanted, False) == unpacked + 2 * 3_221_225_472 + 2_306_663_327


def test_what_the_receipt_names_is_not_pending(tmp_path):
    wanted = catalogue.archives("fsd50k", ["eval"])
    everything = catalogue.pending_bytes("fsd50k", tmp_path, ["eval"])
    assert everything == sum(a.n_bytes for a in wanted)
    audio = next(a for a in wanted if "audio" in a.name)
    elsewhere = catalogue.archives("fsd50k", ["eval"], "http://mirror")
    catalogue.write_receipt(tmp_path, audio.name, elsewhere[wanted.index(audio)].files)
    assert catalogue.pending_bytes("fsd50k", tmp_path, ["eval"]) == everything - audio.n_bytes
    assert catalogue.has(tmp_path, audio)
    assert not any(catalogue.has(tmp_path, a) for a in wanted if a is not audio)


def test_totals_of_the_whole_paper(tmp_path):
    audioset = catalogue.pending_bytes("audioset", tmp_path, DATASETS["audioset"].splits)
    assert catalogue.in_words(audioset) == "2.48 TB"
    fsd50k = catalogue.pending_bytes("fsd50k", tmp_path, DATASETS["fsd50k"].splits)
    assert catalogue.in_words(fsd50k) == "24.7 GB"


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (None, "size unknown"),
        (0, "0 kB"),
        (1_500, "1.5 kB"),
        (2_428_923_189, "2.43 GB"),
        (10**12, "1 TB"),
    ],
)
def test_bytes_in_words(n, words):
    assert catalogue.in_words(n) == words


def test_the_oldest_urllib3_that_is_asked_for_bounds_the_pause():
    """`retry_after_max` came with 2.6.3; what is asked for must not be older."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (needed,) = [name for name in project["dependencies"] if name.startswith("urllib3")]
    assert needed in (ROOT / "envs/requirements.in").read_text()
    assert tuple(map(int, needed.removeprefix("urllib3>=").split("."))) >= (2, 6, 3)
