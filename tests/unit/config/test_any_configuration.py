"""Any configuration is either refused in one sentence or planned whole: never a traceback.

The default configuration with some values replaced, moved, removed or added, at random. More cases
than by default: SONIFY_FUZZ=10000 pytest -m fuzz --timeout 0
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sonify.config.loading import load
from sonify.plan.files import Files
from sonify.plan.plan import Plan
from sonify.plan.registry import ALL_FIGURES, STAGES
from sonify.plan.settings import Settings
from sonify.runtime.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SMALL = st.integers(-2, 12)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    SMALL,
    st.integers(),
    st.floats(),
    SMALL.map(float),
    st.floats(0, 1),
    st.text(max_size=4),
    st.sampled_from(["", "~", "no", "1e-3", "../x", "a b", "a\n", "ä", "x" * 300, "$(x)", "{run}"]),
)


def leaves(tree: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all blocks, values and entries of lists."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*path, key))


def at(tree: Any, path: tuple) -> Any:
    for key in path:
        tree = tree[key]
    return tree


PATHS = sorted(leaves(DEFAULT), key=str)
# Values of the configuration itself are the likeliest to be nearly right in another place.
OWN = st.sampled_from(PATHS).map(lambda path: copy.deepcopy(at(DEFAULT, path)))
NAMES = st.sampled_from(PATHS).map(lambda path: path[-1])
VALUES = st.one_of(SCALARS, OWN, st.lists(SCALARS | NAMES, max_size=3))
EDITS = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(PATHS), VALUES),
    st.tuples(st.just("scale"), st.sampled_from(PATHS), st.sampled_from([-1, 0, 0.5, 2, 3, 1e9])),
    st.tuples(st.just("remove"), st.sampled_from(PATHS), st.none()),
    st.tuples(st.just("add"), st.sampled_from(PATHS), st.tuples(NAMES | SCALARS, VALUES)),
    st.tuples(st.just("rename"), st.sampled_from(PATHS), NAMES | SCALARS),
)


def edited(edits: list[tuple[str, tuple, Any]]) -> dict:
    """The default configuration after some edits; those of what is no longer there do nothing."""
    config = copy.deepcopy(DEFAULT)
    for kind, path, value in edits:
        try:
            block, key = at(config, path[:-1]), path[-1]
            if kind == "set":
                block[key] = value
            elif kind == "scale" and type(block[key]) in (int, float):
                block[key] = type(block[key])(block[key] * value)
            elif kind == "remove":
                del block[key]
            elif kind == "add" and isinstance(block[key], dict):
                block[key][value[0]] = value[1]
            elif kind == "add" and isinstance(block[key], list):
                block[key].append(value[1])
            elif kind == "rename" and isinstance(block, dict):
                block[value] = block.pop(key)
        except (KeyError, IndexError, TypeError):
            continue
    return config


def planned(config: dict) -> int:
    """All files and settings that the rules ask for; their number."""
    plan = Plan(load(config))
    files, told = Files(plan), Settings(plan)
    asked = [files.prepared_files, files.model_files, files.evaluation_files, files.beyond_files]
    asked += [files.table_files, files.curve_files, files.figure_files, files.benchmarks]
    asked += [files.shown_clips]
    asked += [files.raw_input(dataset) for dataset in plan.prepared]
    for dataset in plan.prepared:
        asked += [told.prepare(dataset), told.version(dataset), plan.used_splits(dataset)]
    for model in plan.models:
        run, seed = plan.run_of(model).name, plan.seed_of(model)
        asked += [files.training_input(run, str(seed)), told.train(run)]
    asked += [files.mining_input(model) for model in plan.sonified_models]
    for stage in STAGES.values():
        for job in stage.jobs(plan):
            asked += [files.stage_input(stage, job), told.evaluation_job(stage, job)]
    for figure in ALL_FIGURES.values():
        asked += [files.figure_tables(figure), told.figure(figure)]
    asked += [told.mine(), told.render(), told.pairs(), told.table(), told.summary()]
    asked += [told.claims(), told.gallery(), told.page()]
    return len(asked)


# What was found by these, and mended: an empty recipe, or a start that is no run's name, made a
# run's name that is none.
FOUND = [
    [("set", ("training", "finetuning", 0, "recipe"), "")],
    [("add", ("training", "finetuning", 3, "starts"), (None, ":"))],
]


@pytest.mark.fuzz
@example(FOUND[0])
@example(FOUND[1])
@settings(max_examples=examples(60))
@given(st.lists(EDITS, min_size=1, max_size=3))
def test_any_configuration_is_refused_in_a_sentence_or_planned_whole(edits):
    try:
        assert planned(edited(edits)) > 100
    except ConfigError as error:
        said = str(error)
        assert said and "\n" not in said and said.startswith(("config", "unknown")), said


def test_some_are_refused_and_some_are_planned():
    assert planned(edited([])) > 100
    assert planned(edited([("scale", ("reporting", "listen", "per_layer"), 2)])) > 100
    with pytest.raises(ConfigError):
        planned(edited([("remove", ("training",), None)]))


def test_home_in_a_path_is_written_out_when_it_is_loaded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ground_truth", "dev_audio", "eval_audio"):
        (tmp_path / f"sounds/FSD50K.{name}").mkdir(parents=True)
    for name in ("vocabulary", "dev", "eval"):
        (tmp_path / f"sounds/FSD50K.ground_truth/{name}.csv").touch()
    (tmp_path / "claims.parquet").touch()
    config = copy.deepcopy(DEFAULT)
    config["data"]["fsd50k"] |= {"source": "local", "path": "~/sounds"}
    config["reporting"]["beside"] = {"another run": "~/claims.parquet"}
    loaded = load(config)
    assert loaded.data.sources["fsd50k"].path == f"{tmp_path}/sounds"
    assert loaded.reporting.beside == {"another run": f"{tmp_path}/claims.parquet"}
