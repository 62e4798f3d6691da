"""What an NVIDIA GPU makes of everything that computes, beside what the CPU makes of it."""

import dataclasses
import subprocess
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from oracles import captum_sonification
from torch import nn
from warm import Warm

from sonify.data.clips import load, part_sizes
from sonify.evaluation.measurements.coherence import coherence_table
from sonify.evaluation.measurements.evolution import evolution_table
from sonify.evaluation.measurements.filters import filters_table
from sonify.evaluation.measurements.invariance import invariance_tables
from sonify.evaluation.measurements.layer_importance import layer_importance_table, scored_clips
from sonify.evaluation.measurements.removal import Condition, removal_table
from sonify.evaluation.measurements.scoring import score_tables
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.channels_last import run_trunk
from sonify.models.checkpoint import ModelCard, build
from sonify.models.cnn import CNN12
from sonify.models.device import pick_device
from sonify.runtime.packages import PACKAGES
from sonify.runtime.seeds import seed_for
from sonify.sonification.deconvnet.sonifier import PRECISIONS, Sonifier
from sonify.sonification.mining.parts import mine_parts
from sonify.sonification.rendering import render_layers
from sonify.sonification.settings import Mining
from sonify.training.probes import Probing
from sonify.training.recipe import Augmentation, Recipe
from sonify.training.run import train_run
from sonify.training.settings import Run

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="this machine has no NVIDIA GPU that PyTorch can use"
)
SHAPE = Architecture(width=1 / 8)
LENGTHS = [4_000, 2_370, 4_000, 6_001, 2_370, 4_000, 6_001, 9_000, 2_370, 4_000, 20_000, 5_000]
CARD = ModelCard(
    run="fsd50k-scratch",
    seed=1,
    dataset="fsd50k",
    regime="supervised",
    finetune="none",
    architecture=SHAPE,
    architecture_name="CNN12",
    head="classifier",
    outputs=4,
    classes=tuple(f"class {c}" for c in range(4)),
)
# Columns that are compared, each in shares of its own size.
MEASURED = {
    **dict.fromkeys(("value", "coherence", "floor", "envelope_correlation", "correlation"), 1),
    **{"activation": 1, "flatness": 1, "label_purity": 1, "change": 1, "n_active": 10},
    **{"centroid_hz": 1_000, "bandwidth_hz": 1_000, "sdr_db": 100},
}
LABELLED = Recipe(
    objective="multilabel",
    epochs=3,
    batch_size=8,
    crop_s=0.3,
    learning_rate=1e-3,
    weight_decay=1e-5,
    warmup_epochs=1,
    shuffle_clips=100,
    mixup_alpha=0.2,
    augmentation=Augmentation((-6, 6), (0.001, 0.01), 0.1, (3, 30)),
)
CONTRASTIVE = dataclasses.replace(
    LABELLED, objective="contrastive", temperature=0.1, mixup_alpha=None
)
SCRATCH = Run("fsd50k-scratch", "fsd50k", "fsd50k", ("train",), "supervised", "none", None, "CNN12")
PRETRAINED = Run("contrastive", "c", "audioset", ("train",), "contrastive", "none", None, "CNN12")


@pytest.fixture
def gpu() -> torch.device:
    return pick_device("auto")


@pytest.fixture
def model():
    torch.manual_seed(3)
    return build(CARD).eval()


def distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Relative L2 distance of signals, (..., time)."""
    one, other = one.double().cpu(), other.double().cpu()
    size = other.norm(dim=-1)
    return torch.where(size > 0, (one - other).norm(dim=-1) / size, one.norm(dim=-1))


def test_a_forked_job_computes_on_the_gpu(tmp_path):
    """The interpreter that it is forked from has imported torch and not touched the GPU."""
    script = tmp_path / "script.py"
    script.write_text("import torch\nprint(torch.ones(3, device='cuda').sum().item())")
    warm = Warm(*PACKAGES)
    warm.start()
    while not warm.socket.exists():
        assert warm.interpreter.poll() is None
        time.sleep(0.1)
    done = subprocess.run([*warm.command, str(script)], capture_output=True, text=True, check=False)
    warm.stop()
    assert done.stdout == "3.0\n", done.stderr


def test_auto_is_the_gpu(gpu):
    assert gpu.type == "cuda"


def test_float32_is_computed_in_float32(gpu):
    """Not in TensorFloat-32, which has 10 bits of mantissa and is cuDNN's default."""
    trunk = CNN12(SHAPE).eval().trunk
    x = 0.1 * torch.randn(4, 8_000)
    expected = trunk.double()(x.double().unsqueeze(1))
    found = trunk.float().to(gpu)(x.to(gpu).unsqueeze(1)).double().cpu()
    assert (found - expected).norm() / expected.norm() < 1e-5
    *_, last = Sonifier(trunk).maps(x.to(gpu))
    assert (last.double().cpu() - expected).norm() / expected.norm() < 1e-5


def test_a_library_user_need_set_nothing(gpu):
    """cuDNN's own default, which `pick_device` changes, does not reach a Sonifier."""
    trunk = CNN12(SHAPE).eval().trunk.to(gpu)
    x = 0.1 * torch.randn(4, 8_000).to(gpu)
    expected = Sonifier(trunk).most_active(x)
    conv = torch.backends.cudnn.conv
    before, conv.fp32_precision = conv.fp32_precision, "tf32"
    try:
        found = Sonifier(trunk).most_active(x)
        assert conv.fp32_precision == "tf32", "left as it was found"
    finally:
        conv.fp32_precision = before
    assert torch.equal(found.signals, expected.signals)


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
def test_channels_last_gives_the_maps_and_gradients_of_the_modules(gpu, downsampling):
    trunk = CNN12(Architecture(width=1 / 8, downsampling=downsampling)).double().trunk.to(gpu)
    x = torch.randn(3, 1, 5_003).double().to(gpu).requires_grad_()
    found, expected = run_trunk(trunk, x), trunk(x)
    assert distance(found.flatten(), expected.flatten()) < 1e-12
    pull = torch.randn_like(expected)
    ways = [
        torch.autograd.grad((maps * pull).sum(), [x, *trunk.parameters()])
        for maps in (found, expected)
    ]
    for one, other in zip(*ways, strict=True):
        assert distance(one.flatten(), other.flatten()) < 1e-11


def test_sonifications_are_those_of_the_cpu(gpu):
    """In float64, where no tie falls otherwise: of every layer, of maps alone and all together."""
    trunk = CNN12(SHAPE).eval().double().trunk
    x = 0.1 * torch.randn(3, 4_003).double()
    layers = torch.arange(1, 12).repeat_interleave(6)
    clips, filters = torch.arange(66) % 3, torch.arange(66) % 7
    expected = Sonifier(trunk).render(x, layers, clips, filters)
    most = Sonifier(trunk).most_active(x)
    whole = [Sonifier(trunk).whole_layer(x, layer).signals for layer in (1, 6, 11)]
    sonifier = Sonifier(trunk.to(gpu))
    found = sonifier.render(x.to(gpu), layers, clips, filters)
    assert found.signals.device.type == "cuda"
    assert torch.equal(found.dead.cpu(), expected.dead) and not expected.dead.all()
    assert distance(found.signals, expected.signals).max() < 1e-9
    again = sonifier.most_active(x.to(gpu))
    assert torch.equal(again.filters.cpu(), most.filters)
    assert distance(again.signals, most.signals).max() < 1e-9
    for layer, signals in zip((1, 6, 11), whole, strict=True):
        assert distance(sonifier.whole_layer(x.to(gpu), layer).signals, signals).max() < 1e-9


@pytest.mark.parametrize("precision", PRECISIONS)
def test_in_float32_and_fast_they_are_near(gpu, precision):
    trunk = CNN12(SHAPE).eval().trunk
    x = 0.1 * torch.randn(6, 8_000)
    layers = torch.arange(1, 12).repeat_interleave(6)
    clips, filters = torch.arange(66) % 6, torch.arange(66) % 7
    expected = Sonifier(trunk, precision).render(x, layers, clips, filters).signals
    found = Sonifier(trunk.to(gpu), precision).render(x.to(gpu), layers, clips, filters).signals
    apart = distance(found, expected)
    assert apart.median() < {"exact": 1e-5, "fast": 0.02}[precision]


def test_a_chain_of_every_kind_of_layer(gpu):
    chain = nn.Sequential(
        nn.Conv1d(1, 6, 9, padding=4),
        nn.ReLU(),
        nn.MaxPool1d(3, padding=1),
        nn.Conv1d(6, 12, 5, dilation=2, groups=3),
        nn.ReLU(),
        nn.MaxPool1d(2, ceil_mode=True),
        nn.Conv1d(12, 8, 3, stride=2),
        nn.ReLU(),
    ).double()
    x = torch.randn(2, 2_001).double()
    for layer in (1, 2, 3):
        expected = Sonifier(chain, allow_strided=True).sonify(x, layer, [0, 5])
        found = Sonifier(chain.to(gpu), allow_strided=True).sonify(x.to(gpu), layer, [0, 5])
        assert distance(found, expected).max() < 1e-9
        chain.cpu()


def test_captum_on_the_gpu_agrees(gpu):
    trunk = CNN12(SHAPE).eval().double().trunk.to(gpu)
    x = 0.1 * torch.randn(2, 3_000).double().to(gpu)
    for layer in (1, 5, 11):
        found = Sonifier(trunk).sonify(x, layer, 2)
        assert distance(found, captum_sonification(trunk, x, layer, 2)).max() < 1e-9


def alike(found: pd.DataFrame, expected: pd.DataFrame, key: list[str]) -> None:
    """The same rows; numbers equal to what near-ties of float32 leave."""
    both = found.merge(expected, on=key, suffixes=("", "_cpu"), validate="1:1")
    assert len(both) == len(found) == len(expected)
    measured = [column for column in MEASURED if column in expected]
    assert measured
    for column in measured:
        most = 90 if column == "sdr_db" else None  # above, only rounding is measured
        one, other = (both[name].clip(upper=most) for name in (column, f"{column}_cpu"))
        apart = (one - other).abs() / MEASURED[column]
        assert (both[column].isna() == both[f"{column}_cpu"].isna()).all()
        assert apart.median() < 1e-4 and apart.quantile(0.95) < 0.02, column


def test_every_table_is_that_of_the_cpu(gpu, model, make_clips, store, tmp_path):
    store(make_clips(LENGTHS))
    sizes, clips = part_sizes(tmp_path, ["eval"]), load(tmp_path, ["eval"])
    rules = ["max", "mean", "energy"]
    made: dict[str, dict[str, pd.DataFrame]] = {}
    for device in ("cpu", gpu):
        on, of = model.to(device), {"max_samples": 30_000, "device": device}
        tables = made[torch.device(device).type] = {}
        tables["metrics"], _ = score_tables(on, CARD, [clips], **of)
        conditions = [Condition(rule, rescaled) for rule in rules for rescaled in (False, True)]
        tables["removal"] = removal_table(on, CARD, [clips], conditions=conditions, **of)
        tables["coherence"] = coherence_table(on, CARD, [clips], rules=rules, **of)
        delays = {"clips": 3, "shifts": [1, 256, 700], "shown_shift": 700, "rule": "max"}
        tables["invariance"] = invariance_tables(on, CARD, sizes, **delays, **of).table
        top = mine_parts(Sonifier(on), CARD, [clips], top=3, mining=Mining(), **of)
        tables["mined"] = top
        sonified = render_layers(Sonifier(on), [clips], top, **of)
        measures = {"top_k": 5, "nperseg": 256}
        tables["filters"] = filters_table(on, CARD, [clips], top, sonified, **measures, **of)
        kept = partial(lambda on, epoch: (on, CARD), on)
        asked = {"layers": [2, 9], "filters_per_layer": 4}
        tables["evolution"] = evolution_table(kept, [0, 3], top, lambda: [clips], **asked, **of)
    of_cpu, of_gpu = made["cpu"], made["cuda"]
    alike(of_gpu["metrics"], of_cpu["metrics"], ["metric"])
    removed = ["layer", "metric", "rule", "rescaled"]
    alike(of_gpu["removal"], of_cpu["removal"], removed)
    alike(of_gpu["coherence"], of_cpu["coherence"], ["layer", "rule", "clip_id"])
    alike(of_gpu["invariance"], of_cpu["invariance"], ["layer", "shift", "clip_id"])
    alike(of_gpu["filters"], of_cpu["filters"], ["layer", "filter"])
    ranked = ["layer", "filter", "rank"]
    alike(of_gpu["mined"], of_cpu["mined"], ranked)
    same = of_gpu["mined"]["clip_id"] == of_cpu["mined"]["clip_id"]
    assert same.mean() > 0.999
    drawn = ["layer", "filter", "epoch", "inputs"]
    alike(of_gpu["evolution"], of_cpu["evolution"], drawn)
    for column in ("filter", "clip_id", "dead"):
        assert (
            of_gpu["evolution"].sort_values(drawn)[column].tolist()
            == of_cpu["evolution"].sort_values(drawn)[column].tolist()
        )


@pytest.mark.parametrize("recipe", [LABELLED, CONTRASTIVE], ids=["labelled", "contrastive"])
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_training_gives_the_same_model_twice(gpu, make_clips, store, tmp_path, recipe, precision):
    clips = store(make_clips([5_000] * 24))
    recipe = dataclasses.replace(recipe, precision=precision)
    run = SCRATCH if recipe.mixup_alpha else PRETRAINED
    one, again = (
        train_run(run, 7, recipe, clips, architecture=SHAPE, device=gpu) for _ in range(2)
    )
    assert one.card.recipe["precision"] == ("bfloat16" if precision == "auto" else precision)
    same = again.model.state_dict()
    assert all(torch.equal(v, same[k]) for k, v in one.model.state_dict().items())
    on_cpu = train_run(run, 7, recipe, clips, architecture=SHAPE, device="cpu")
    # Noise is drawn by the device's own generator, so that only the course is the same.
    np.testing.assert_allclose(one.history["loss"], on_cpu.history["loss"], rtol=0.1)
    torch.manual_seed(seed_for(run.name, 7, "weights"))
    initial = build(one.card).state_dict()
    ways = [
        torch.cat([(model.state_dict()[k].cpu() - v).flatten() for k, v in initial.items()])
        for model in (one.model, on_cpu.model)
    ]
    assert torch.cosine_similarity(*ways, dim=0) > 0.5, "the weights go the same way"
    one.save(tmp_path)
    loaded, card = checkpoint.load(tmp_path)
    assert next(loaded.parameters()).device.type == "cpu" and card.run == run.name
    loaded, _ = checkpoint.load(tmp_path, gpu)
    assert next(loaded.parameters()).device.type == "cuda"


@pytest.mark.parametrize("finetune", ["fconly", "full"])
def test_probes_train_and_score(gpu, model, make_clips, store, tmp_path, finetune):
    clips = store(make_clips([5_000] * 24))
    run = dataclasses.replace(SCRATCH, name="p", finetune=finetune, start="fsd50k-scratch")

    def scored(recipe: Recipe, device: torch.device | str) -> pd.DataFrame:
        probing = Probing(run, 1, recipe, (1, 6, 12))
        scored_on = scored_clips(tmp_path, "eval", None, 30_000, device)
        return layer_importance_table(probing, (model, CARD), clips, scored_on, device=device)

    on_cpu, on_gpu = scored(LABELLED, "cpu"), scored(LABELLED, gpu)
    both = on_cpu.merge(on_gpu, on=["layer", "metric"], validate="1:1")
    assert len(both) == len(on_cpu) and np.isfinite(both["value_y"]).all()
    assert (both["value_x"] - both["value_y"]).abs().median() < 0.1
    still = scored(dataclasses.replace(LABELLED, learning_rate=1e-12), gpu)
    assert not np.allclose(still["value"], on_gpu["value"]), "training has changed the scores"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_batch_in_parts_needs_less_memory(gpu, make_clips, store, precision):
    clips = store(make_clips([8_000] * 64))
    peaks, losses = [], []
    for at_once in (None, 8):
        recipe = dataclasses.replace(
            CONTRASTIVE,
            batch_size=64,
            crop_s=0.5,
            epochs=2,
            crops_at_once=at_once,
            precision=precision,
        )
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        trained = train_run(PRETRAINED, 7, recipe, clips, architecture=SHAPE, device=gpu)
        peaks.append(torch.cuda.max_memory_allocated())
        losses.append(trained.history["loss"].to_numpy())
    assert peaks[1] < {"float32": 0.4, "bfloat16": 0.7}[precision] * peaks[0]
    np.testing.assert_allclose(*losses, rtol={"float32": 1e-3, "bfloat16": 0.02}[precision])
