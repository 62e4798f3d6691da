"""The access token of Hugging Face: where it is found, and who gets to see it."""

import hub
import pytest
import servers

from sonify.data.download import catalogue, harvest, huggingface
from sonify.data.download import fetch as fetching
from sonify.data.download.audioset import obtain_audioset
from sonify.data.download.fetch import DownloadError
from sonify.data.download.token import token
from sonify.runtime.errors import SonifyError

SECRET = "hf_secretOfTheTest"
CLIPS = ["clip_number1", "clip_number2"]


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A home folder without a token."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HF_TOKEN", "HF_HOME", "HF_TOKEN_PATH", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def served(monkeypatch, tmp_path):
    """A server that stands for huggingface.co, with one shard."""
    monkeypatch.setattr(catalogue, "CATALOGUE", hub.catalogue(catalogue.CATALOGUE, tmp_path))
    monkeypatch.setattr(fetching, "BACKOFF_S", 0.0)
    folder = tmp_path / "served"
    hub.publish_lists(folder, {"eval": CLIPS})
    hub.publish(folder, "eval", [hub.shard([(name, hub.flac(0)) for name in CLIPS])])
    with servers.Server(folder) as server:
        monkeypatch.setattr(huggingface, "HUB", server.url)
        yield server


def obtain(root, served, **options):
    places = {"base_url": served.url, "hub_url": served.url} | options
    obtain_audioset(root, ["eval"], backend="huggingface", revision=hub.REVISION, **places)


def test_it_is_in_the_environment_or_in_the_file_of_the_hub(home, monkeypatch):
    assert token() is None
    file = home / ".cache" / "huggingface" / "token"
    file.parent.mkdir(parents=True)
    file.write_text("hf_ofTheFile\n")
    assert token() == "hf_ofTheFile"
    monkeypatch.setenv("HF_HOME", str(home / "elsewhere"))
    assert token() is None
    monkeypatch.setenv("HF_TOKEN_PATH", str(file))
    assert token() == "hf_ofTheFile"
    monkeypatch.setenv("HF_TOKEN", f" {SECRET}\n")
    assert token() == SECRET


@pytest.mark.parametrize("given", ["two words", "zwei\nZeilen", "Schlüssel"])
def test_one_that_no_header_may_hold_is_refused_without_being_shown(monkeypatch, given):
    monkeypatch.setenv("HF_TOKEN", given)
    with pytest.raises(SonifyError, match="correct HF_TOKEN") as caught:
        token()
    assert given not in str(caught.value)


def test_the_hub_gets_it_for_its_list_and_its_files_and_the_publisher_of_the_lists_does_not(
    monkeypatch, served, tmp_path
):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    obtain(tmp_path / "corpus", served)
    seen = {request.name: request.authorization for request in served.requests}
    assert seen == {
        hub.tree("eval"): f"Bearer {SECRET}",
        hub.name("eval", 0): f"Bearer {SECRET}",
        "class_labels_indices.csv": None,
        "eval_segments.csv": None,
    }
    stored = [file for file in (tmp_path / "corpus").rglob("*") if file.is_file()]
    assert len(stored) == 5 and not any(SECRET.encode() in file.read_bytes() for file in stored)


def test_a_mirror_does_not_get_it(monkeypatch, served, tmp_path):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setattr(huggingface, "HUB", "https://huggingface.co")
    obtain(tmp_path / "corpus", served)
    assert {request.authorization for request in served.requests} == {None}


def test_the_storage_that_the_hub_redirects_to_does_not_get_it(monkeypatch, served, tmp_path):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    name = hub.name("eval", 0)
    with servers.Server(served.folder) as storage:
        # Another host, as requests sees it.
        elsewhere = storage.url.replace("127.0.0.1", "localhost")
        served.faults[name] = [servers.status(302, Location=f"{elsewhere}/{name}")]
        obtain(tmp_path / "corpus", served)
        assert [request.authorization for request in storage.requests] == [None]
    assert served.asked(name)[0].authorization == f"Bearer {SECRET}"
    assert set(harvest.places(tmp_path / "corpus", "eval")) == set(CLIPS)


def test_one_that_the_hub_refuses_is_named_and_not_shown(monkeypatch, served, tmp_path):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    served.faults[hub.tree("eval")] = [servers.status(401)]
    with pytest.raises(DownloadError, match=r"and your token \(HF_TOKEN\)") as caught:
        obtain(tmp_path / "corpus", served)
    assert SECRET not in str(caught.value)


def test_without_one_nothing_is_sent(served, tmp_path):
    obtain(tmp_path / "corpus", served)
    assert {request.authorization for request in served.requests} == {None}
