"""The user's own paths, as a configuration has them."""

from pathlib import Path

import pytest
import yaml

from sonify.config.loading import load
from sonify.config.paths import written_out
from sonify.runtime.errors import ConfigError


def test_home_in_a_path_is_written_out(monkeypatch):
    monkeypatch.setenv("HOME", "/somebody")
    raw = {"data": {"fsd50k": {"path": "~/sounds", "source": "~"}}, "x": {"background_folder": "~"}}
    raw |= {"reporting": {"beside": {"a run": "~/run/claims.parquet", "another": "here"}}}
    assert written_out(raw) == {
        "reporting": {"beside": {"a run": "/somebody/run/claims.parquet", "another": "here"}},
        "data": {"fsd50k": {"path": "/somebody/sounds", "source": "~"}},
        "x": {"background_folder": "/somebody"},
    }


def test_a_path_that_looks_like_an_option_does_so_no_longer():
    raw = {"evaluation": {"stems": {"folder": "-r"}}, "reporting": {"beside": {"-a": "--out"}}}
    assert written_out(raw) == {
        "evaluation": {"stems": {"folder": "./-r"}},
        "reporting": {"beside": {"-a": "./--out"}},
    }


def test_the_home_of_nobody_is_refused():
    sentence = r"^config: data\.folder\.path is '~nobody-here/x', and there is no such user here: "
    with pytest.raises(ConfigError, match=sentence):
        written_out({"data": {"folder": {"path": "~nobody-here/x"}}})


DEFAULT = Path(__file__).resolve().parents[3] / "config.yaml"


@pytest.mark.parametrize(
    ("block", "key", "path", "sentence"),
    [
        ("data", "folder", "", "data.folder.path is '', which is not a directory: correct it"),
        ("data", "folder", "x" * 999, "', which is not a directory: correct it"),
        ("data", "folder", "a\nb", r"which has the control character '\n': rename it"),
        ("evaluation", "stems", "a{b}", "evaluation.stems.folder is 'a{b}': Snakemake gives '{' a"),
        ("evaluation", "stems", "a\0", r"stems.folder is 'a\x00', which has the control character"),
        (
            "reporting",
            "beside",
            "<x>",
            "config: reporting.beside.'other' is '<x>': Snakemake gives",
        ),
    ],
)
def test_paths_that_no_rule_can_have_are_refused(block, key, path, sentence):
    config = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    name = {"folder": "path", "stems": "folder", "beside": "other"}[key]
    config[block].setdefault(key, {})[name] = path
    if key == "folder":
        config[block][key]["source"] = "local"
    with pytest.raises(ConfigError) as caught:
        load(config)
    assert sentence in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["-x", "a=b", "a\n", "a\0b"])
def test_a_name_that_no_job_could_be_told_is_refused(name):
    config = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    config["reporting"]["beside"] = {name: str(DEFAULT)}
    with pytest.raises(ConfigError, match=r"a name in reporting\.beside has letters that are not"):
        load(config)
