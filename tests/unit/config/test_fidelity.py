"""docs/fidelity.md says what the configurations hold, of every topic, and why where it is ours."""

import dataclasses
import re
from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from sonify.config.fidelity import check, followed, loaded, page, same, value
from sonify.paper.fidelity import Setting, fidelity
from sonify.runtime.errors import SonifyError

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = loaded(ROOT / "workflow/configs")

# The topics on which the paper's text, its code and Sonify were compared; the errors of the code.
TOPICS = """
    filters, kernels, pools, padding, dropout, initialisation, features h, peak scaling, resampling,
    short clips, weight decay, negatives, gap, gain and noise, time mask, background,
    peak rule in training, mixup, epochs, AudioSet crop, FSD50K batch, schedule, selection,
    evaluation, layerwise, mining score, mining clips, most active map, residual, coherence,
    evolution, invariance, spectrogram, seeds and intervals, Speech Commands
"""
ERRORS = 14
BY_OPTION = {"multiclass mixup", "gain is applied", "upper end", "local maxima"}


def settings() -> dict[str, Setting]:
    """Every key of the table; of a key that two rows name, both say the same."""
    found: dict[str, Setting] = {}
    for row in (*fidelity().topics, *fidelity().errors):
        for key, setting in row.keys.items():
            assert found.setdefault(key, setting) == setting, key
    return found


def test_the_page_is_up_to_date():
    text = (ROOT / "docs/fidelity.md").read_text(encoding="utf-8")
    assert text == page(fidelity(), CONFIGS), "run: make docs"


def test_every_topic_has_a_row():
    named = [row.topic for row in fidelity().topics]
    assert len(named) == len(set(named))
    assert set(re.split(r",\s+", TOPICS.strip())) <= set(named)
    assert all(row.keys or row.note for row in fidelity().topics)


def test_every_error_has_its_key_or_says_why_not():
    errors = fidelity().errors
    assert len(errors) == ERRORS
    reproduced = {
        name for name in BY_OPTION for row in errors if row.error.startswith(name) and row.keys
    }
    assert reproduced == BY_OPTION
    others = [row for row in errors if not row.keys]
    assert len(others) == ERRORS - len(BY_OPTION)
    assert all(row.note.startswith(("Not reproduced. ", "Nothing to reproduce")) for row in others)


@pytest.mark.parametrize("key", settings())
def test_the_configurations_hold_what_text_and_code_say(key):
    """The text's value in paper.yaml, the code's in authors.yaml; each stands in where the other is
    silent. What departs is what is recorded as ours and has a reason, and nothing else has."""
    setting = settings()[key]
    held = value(CONFIGS["paper"], key), value(CONFIGS["authors"], key)
    text, code, ours = setting.text, setting.code, setting.ours
    expected = (code if text is UNSET else text, text if code is UNSET else code)
    assert bool(setting.reason) == (ours is not UNSET) == (held != expected), (held, expected)
    if ours is not UNSET:
        assert held == (ours, ours)


def test_the_numbers_that_the_paper_turns_on():
    """The table against numbers typed from the paper's text and from the facts of its code."""
    known = settings()
    recipe = "training.recipes.contrastive"
    assert known["models.CNN12.layout.kernels"].code == [7, 7, 5, 5, 5, 3, 3, 3, 3, 3, 3]
    assert known["models.CNN12.layout.pools"].code == [2] * 8 + [1] * 3
    assert known[f"{recipe}.weight_decay"] == Setting(text=1e-3, code=1e-5)
    assert known[f"{recipe}.negatives_within"] == Setting(text=None, code=256)
    assert known[f"{recipe}.min_gap_s"] == Setting(code=0.3)
    assert known["data.peak_scaling"] == Setting(text=True, code=False)
    assert known["training.runs.supervised.recipe.crop_s"] == Setting(text=5, code=2.5)


def test_a_value_is_read_where_the_key_leads():
    authors = CONFIGS["authors"]
    assert value(authors, "training.runs.fsd50k-supervised-full.recipe.batch_size") == 128
    assert value(authors, "evaluation.layer_importance.probes.2.recipe") == "speech_commands_linear"
    assert value(CONFIGS["miniature"], "training.seeds") == list(
        CONFIGS["miniature"].training.seeds
    )


@pytest.mark.parametrize(
    "key",
    [
        "data.peak",
        "models.CNN13.width",
        "models.CNN12.receptive_field",
        "training.recipes.fsd50k.epochs.most",
        "training.runs.supervised.recipe.epoch",
        "evaluation.layer_importance.probes.9.split",
        "evaluation.layer_importance.probes.first.split",
    ],
)
def test_a_key_that_does_not_exist_is_refused(key):
    with pytest.raises(SonifyError, match=rf"has no key {re.escape(key)} \(at "):
        value(CONFIGS["paper"], key)


def test_whose_a_value_is():
    setting = Setting(text=1e-3, code=0.0)
    assert [followed(setting, v) for v in (1e-3, 0, 1e-5)] == ["text", "code", "ours"]
    assert followed(Setting(text=5, code=5), 5.0) == "text, code"
    assert followed(Setting(), None) == "ours" and followed(Setting(text=None), None) == "text"
    assert not same(True, 1) and not same([1, 2], [1, 2, 3]) and same([[1]], [[1.0]])


WEIGHT_DECAY = (
    "training.recipes.contrastive.weight_decay"  # 1e-3 by paper.yaml, 1e-5 by authors.yaml
)


@pytest.fixture
def told():
    """Check the row of weight decay, changed."""
    row = next(row for row in fidelity().topics if WEIGHT_DECAY in row.keys)

    def call(setting: Setting | None = None, **changes: object) -> None:
        keys = {} if setting is None else {WEIGHT_DECAY: setting}
        check(replace(fidelity(), topics=(replace(row, keys=keys, **changes),)), CONFIGS)

    return call


@pytest.mark.parametrize(
    ("setting", "file", "own"),
    [
        (Setting(), "paper", {"paper": 1e-3, "authors": 1e-5}),
        (Setting(text=1e-4, code=1e-5), "paper", {"paper": 1e-3}),
        (Setting(text=1e-3, code=0.0), "authors", {"authors": 1e-5}),
        (Setting(text=1e-3), "authors", {"authors": 1e-5}),
        (Setting(text=None, code=True), "paper", {"paper": 1e-3, "authors": 1e-5}),
    ],
)
def test_a_departure_is_recorded_exactly_and_has_a_reason(told, setting, file, own):
    where = rf"{WEIGHT_DECAY} \(weight decay\)"
    with pytest.raises(SonifyError, match=rf"{where} follows neither .* or correct {file}\.yaml"):
        told(setting)
    told(replace(setting, ours=own, reason="it learns"))
    for half in ({"reason": "it learns"}, {"ours": own}):
        with pytest.raises(SonifyError, match=rf"{where} has a reason without ours, or ours"):
            told(replace(setting, **half))
    for name, held in own.items():
        message = rf"{where} is {held:g} in {name}\.yaml, and 0\.5 as recorded in ours: correct"
        with pytest.raises(SonifyError, match=message):
            told(replace(setting, ours=own | {name: 0.5}, reason="it learns"))


def test_one_value_of_ours_holds_in_both_files(told):
    with pytest.raises(SonifyError, match=r"is 1e-05 in authors\.yaml, and 0\.001 as recorded"):
        told(Setting(ours=1e-3, reason="it learns"))
    key = "training.recipes.balanced.epochs"
    row = next(row for row in fidelity().topics if key in row.keys)
    for ours in (99, True, None, [100], {}):
        changed = replace(row, keys={key: Setting(ours=ours, reason="none is known")})
        with pytest.raises(SonifyError, match=rf"{key} \(epochs\) is 100 in paper\.yaml, and "):
            check(replace(fidelity(), topics=(changed,)), CONFIGS)
    check(fidelity(), CONFIGS)


def test_an_idle_reason_and_a_bare_row_are_refused(told):
    told(Setting(text=1e-3, code=1e-5))
    for ours in ({"paper": 1e-3}, {"authors": 1e-5}, {"paper": 1e-3, "authors": 1e-5}):
        with pytest.raises(SonifyError, match="follows text and code in .* delete the reason"):
            told(Setting(text=1e-3, code=1e-5, ours=ours, reason="it learns"))
    with pytest.raises(SonifyError, match="weight decay has no keys: say in a note why not"):
        told(note="")


def test_a_departure_that_changes_is_noticed():
    """Of every row with a reason: another value of the configuration is refused."""
    departing = {key for key, setting in settings().items() if setting.reason}
    assert len(departing) == 10
    other = loaded(ROOT / "workflow/configs")
    sonification = dataclasses.replace(other["authors"].sonification, top=9)
    other["authors"] = dataclasses.replace(other["authors"], sonification=sonification)
    with pytest.raises(SonifyError, match=r"sonification\.top \(mining clips\) is 9 in authors\."):
        page(fidelity(), other)


def test_a_changed_configuration_shows():
    data = dataclasses.replace(CONFIGS["paper"].data, peak_scaling=False)
    changed = CONFIGS | {"paper": dataclasses.replace(CONFIGS["paper"], data=data)}
    with pytest.raises(SonifyError, match=r"data\.peak_scaling \(peak scaling\) follows neither"):
        page(fidelity(), changed)
