"""An explanation method is one class and one entry of the registry; all else works with it."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sonify.evaluation.measurements.removal import residual
from sonify.models.cnn import CNN12, Architecture
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.sonification import methods
from sonify.sonification.activity import RULES
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.explainer import Explainer, Sonifications, allocate_outputs, batches
from sonify.sonification.grid import Grid
from sonify.sonification.methods import build_explainer
from sonify.sonification.mining.top_activations import TopActivations, observe
from sonify.sonification.most_active import most_active
from sonify.sonification.rendering import render_layers

STRIDE, FILTERS = 10, (2, 3)


@dataclass
class Bands:
    maps: list[Tensor]


class Gate(Explainer):
    """A toy: maps are the clip's level above thresholds, a sonification is the clip where it is."""

    filters = FILTERS

    def __init__(self, model: nn.Module, precision: str) -> None:
        self.gain, self.precision = model.weight.item(), precision

    def grids(self, pooled: bool = True) -> tuple[Grid, ...]:
        return (Grid((STRIDE - 1) / 2, STRIDE),) * 2

    def maps(self, x: Tensor, pooled: bool = True) -> Iterator[Tensor]:
        level = self.gain * x.unfold(1, STRIDE, STRIDE).abs().amax(-1)  # (clip, frame)
        for n in self.filters:
            thresholds = torch.linspace(0.2, 1.2, n).view(-1, 1)
            yield (level.unsqueeze(1) - thresholds).clamp_min(0)

    def forward(self, x: Tensor, layers: int | None = None) -> Bands:
        return Bands(list(self.maps(x))[:layers])

    def render_from(
        self, record: Bands, x: Tensor, layers: int | Tensor, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        made = allocate_outputs(x, filters)
        for i, layer in enumerate(torch.as_tensor(layers).expand(len(clips)).tolist()):
            active = record.maps[layer - 1][clips[i], filters[i]] > 0
            signal = torch.zeros_like(x[0])
            signal[: len(active) * STRIDE] = active.repeat_interleave(STRIDE)
            made.signals[i], made.scales[i] = signal * x[clips[i]], float(active.any())
            made.dead[i] = not active.any()
        return made


@pytest.fixture
def gate(monkeypatch) -> Explainer:
    """The toy, built through the registry as a job builds its method."""
    monkeypatch.setitem(
        methods.METHODS,
        "gate",
        lambda model, precision, allow_strided, layers: Gate(model, precision),
    )
    model = nn.Linear(1, 1)
    nn.init.ones_(model.weight)
    return build_explainer("gate", model)


def test_a_new_method_is_rendered(gate, make_clips):
    clips = make_clips([300, 300, 450])
    miner = TopActivations(gate.filters, k=2)
    for i, clip in enumerate(clips.ids):
        observe(miner, gate, torch.from_numpy(clips.waveform(i))[None], [clip], "max")
    lengths = dict(zip(clips.ids, clips.lengths, strict=True))
    top = miner.table().assign(dataset="fsd50k", split="eval", time_s=0.0, model="m")
    top["n_samples"] = top["clip_id"].map(lengths)
    assert len(top) == 2 * sum(FILTERS) and top.query("layer == 2 and filter == 2")["dead"].all()
    loudest = [np.abs(clips.waveform(i)).max() for i in range(3)]
    best = top.query("layer == 1 and filter == 0 and rank == 1")
    assert best["clip_id"].item() == clips.ids[int(np.argmax(loudest))]
    assert best["activation"].item() == pytest.approx(max(loudest) - 0.2, abs=1e-6)
    first, second = render_layers(gate, [clips], top, max_samples=500)
    assert len(first) == 4 and len(second) == 6
    row = first.query("filter == 0 and rank == 1").iloc[0]
    x = clips.waveform(clips.ids.index(row["clip_id"]))
    heard = np.frombuffer(row["pcm"], "<i2") / 32767 * row["peak"]
    loud = np.abs(x.reshape(-1, STRIDE)).max(1) > 0.2
    np.testing.assert_allclose(heard, x * np.repeat(loud, STRIDE), atol=1e-4)
    dead = second.query("filter == 2")
    assert dead["dead"].all() and (dead["peak"] == 0).all() and not any(map(any, dead["pcm"]))


def test_a_new_method_is_asked_as_removal_asks(gate):
    x = 0.9 * torch.randn(3, 30_000).clamp(-1, 1)  # more than one batch
    x[:, :10_000] *= 0.1
    seen = 0
    for some, chosen in most_active(gate, x, RULES):
        seen += len(x[some])
        for rule, at in chosen.at.items():
            alone = gate.most_active(x[some], rule)
            assert torch.equal(chosen.made.signals[at], alone.signals)
            assert torch.equal(chosen.made.filters[at], alone.filters)
            assert alone.filters.tolist() == [[0] * len(x[some])] * 2  # the lowest threshold
        left = residual(x[some][chosen.clips], chosen.made.signals)
        quiet = left.abs().unflatten(1, (-1, STRIDE)).amax(-1)
        assert (quiet <= 0.2).all() and quiet.any(), "what is above the threshold is removed"
    assert seen == 3


def test_the_other_ways_of_asking_follow(gate):
    x = torch.linspace(0, 1, 100).repeat(2, 1)
    assert gate.n_layers == 2
    assert torch.equal(
        gate.sonify(x, 1, 0), x * (x.unfold(1, 10, 10).amax(-1) > 0.2).repeat_interleave(10, 1)
    )
    with pytest.raises(SonifyError, match="layer 1 has filters 0 to 1, not 2"):
        gate.sonify(x, 1, 2)
    with pytest.raises(SonifyError, match="layer is 3: the model has layers 1 to 2"):
        gate.sonify(x, 3, 0)
    with pytest.raises(SonifyError, match="clip 1 has a sample that is not finite"):
        gate.render(
            x.clone().index_fill_(0, torch.tensor([1]), torch.inf), 1, *torch.tensor([[0], [0]])
        )


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((9, 20_000), [4, 4, 1]),  # 80,000 samples at a time
        ((3, 20_001), [3]),
        ((4, 20_001), [3, 1]),
        ((2, 80_000), [1, 1]),
        ((2, 99_999), [1, 1]),  # one clip at least
    ],
)
def test_a_cpu_runs_as_many_clips_together_as_its_cache_holds(shape, sizes):
    found = batches(torch.zeros(shape))
    assert [some.stop - some.start for some in found] == sizes
    assert [i for some in found for i in range(shape[0])[some]] == list(range(shape[0]))
    assert batches(torch.zeros(shape, device="meta")) == [slice(0, shape[0])], "others run all"


def test_the_deconvnet_is_the_default_method():
    assert methods.DEFAULT in methods.METHODS
    model = SoundModel(CNN12(Architecture(width=1 / 16)), "classifier", 3)
    explainer = build_explainer(methods.DEFAULT, model, precision="fast", layers=4)
    assert isinstance(explainer, Sonifier) and explainer.precision == "fast"
    assert (explainer.filters, explainer.strides) == ((4, 4, 8, 8), (2, 4, 8, 16))
    strided = CNN12(Architecture(width=1 / 16, downsampling="strided"))
    assert build_explainer("deconvnet", strided).n_layers == 11
    with pytest.raises(SonifyError, match="stride 2"):
        build_explainer("deconvnet", strided, allow_strided=False)
    with pytest.raises(SonifyError, match="sonification.method is 'lrp': it must be one of deconv"):
        build_explainer("lrp", model)


def test_the_registry_needs_no_torch():
    code = "import sys, sonify.sonification.methods; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
