"""The network of the authors' code: its sizes, and what stands around its blocks."""

import dataclasses
import json
import math

import msgspec
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sonify.models import checkpoint
from sonify.models.architecture import LAYOUTS, Architecture
from sonify.models.checkpoint import ModelCard
from sonify.models.cnn import CNN12, Dropout, count_parameters
from sonify.models.heads import SoundModel
from sonify.models.probes import Probes
from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.sonifier import Sonifier

AUTHORS = Architecture(
    layout="cnn12",
    dropout=0.4,
    initialisation="unit_gain",
    relu_features=True,
    projection_bias=False,
)
NARROW = dataclasses.replace(AUTHORS, width=1 / 32, features=16)
# layer: filters, kernel, pool, parameters, hop, receptive field (ReLU map, after the pool),
# frames after the pool of 1, 2.5, 5 and 10 s
TABLE = """
1  64   7 2 512     1   7    8    3997 9997 19997 39997
2  64   7 2 28736   2   20   22   1995 4995 9995  19995
3  128  5 2 41088   4   38   42   995  2495 4995  9995
4  128  5 2 82048   8   74   82   495  1245 2495  4995
5  256  5 2 164096  16  146  162  245  620  1245  2495
6  256  3 2 196864  32  226  258  121  309  621   1246
7  512  3 2 393728  64  386  450  59   153  309   622
8  512  3 2 786944  128 706  834  28   75   153   310
9  1024 3 1 1573888 256 1346 1346 26   73   151   308
10 1024 3 1 3146752 256 1858 1858 24   71   149   306
11 2048 3 1 6293504 256 2370 2370 22   69   147   304
"""
ROWS = [[int(cell) for cell in line.split()] for line in TABLE.strip().splitlines()]


@pytest.fixture(scope="module")
def model() -> CNN12:
    with torch.device("meta"):
        return CNN12(AUTHORS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"layer {row[0]}")
def test_each_layer_has_its_size(model, row):
    layer, filters, kernel, pool, parameters, hop, relu_field, field, *frames = row
    at = layer - 1
    conv = getattr(model.trunk, f"conv{layer}")
    assert (conv.out_channels, conv.kernel_size, conv.padding) == (filters, (kernel,), (0,))
    assert count_parameters(conv) == parameters
    assert AUTHORS.pools[at] == pool and hasattr(model.trunk, f"pool{layer}") == (pool > 1)
    assert (1, *AUTHORS.strides)[at] == hop
    assert (AUTHORS.relu_fields[at], AUTHORS.receptive_fields[at]) == (relu_field, field)
    assert [AUTHORS.frames(s * 4_000)[at] for s in (2, 5, 10, 20)] == frames


def test_the_frames_are_those_of_the_maps():
    trunk, x = CNN12(NARROW).trunk, torch.zeros(1, 1, 20_000)
    sizes = []
    for module in trunk:
        if isinstance(module, nn.Conv1d) and len(sizes) < 11:
            sizes.append(0)
        x = module(x)
        sizes[-1] = x.shape[-1]
    assert sizes == [row[9] for row in ROWS]


@pytest.mark.parametrize(
    ("width", "convolutions", "encoder", "heads"),
    [
        (1, 12_708_160, 13_757_248, (14_027_599, 13_859_848, 13_775_203, 14_282_048)),
        (2, 50_819_712, 52_917_376, (53_187_727, 53_019_976, 52_935_331, 53_442_176)),
    ],
)
def test_the_network_and_its_heads_have_the_papers_sizes(width, convolutions, encoder, heads):
    with torch.device("meta"):
        network = CNN12(dataclasses.replace(AUTHORS, width=width))
        kinds = *(("classifier", n) for n in (527, 200, 35)), ("projection", 512)
        whole = [count_parameters(SoundModel(network, *kind)) for kind in kinds]
    assert count_parameters(network.trunk) == convolutions
    assert count_parameters(network) == encoder
    assert tuple(whole) == heads


def test_the_shortest_clip_leaves_one_frame():
    assert (AUTHORS.pool_stride, AUTHORS.receptive_field) == (256, 2_370)
    assert AUTHORS.shortest_clip() == 2_370 and AUTHORS.frames(2_370)[-1] == 1
    assert AUTHORS.frames(2_369)[-1] == 0
    model = CNN12(NARROW)
    assert model(torch.zeros(1, 2_370)).shape == (1, 16)
    with pytest.raises(SonifyError, match="shorter than the 2370 that leave a frame"):
        model(torch.zeros(1, 2_369))


def test_the_initialisation_has_gain_one_and_leaves_the_linear_layer_to_pytorch():
    network = CNN12(dataclasses.replace(AUTHORS, width=1 / 4))
    for layer in range(2, 12):
        conv = getattr(network.trunk, f"conv{layer}")
        fan_in = conv.in_channels * conv.kernel_size[0]
        assert float(conv.weight.detach().std()) == pytest.approx(fan_in**-0.5, rel=0.05)
        assert not conv.bias.any()
    bound = 512**-0.5  # PyTorch's: uniform for weights and biases
    weights = network.fc.weight.detach()
    assert float(weights.abs().max()) == pytest.approx(bound, rel=0.01)
    assert float(weights.std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert float(network.fc.bias.detach().abs().max()) == pytest.approx(bound, rel=0.05)
    usual = CNN12(dataclasses.replace(AUTHORS, width=1 / 4, initialisation="he"))
    ratio = usual.trunk.conv9.weight.detach().std() / network.trunk.conv9.weight.detach().std()
    assert float(ratio) == pytest.approx(math.sqrt(2), rel=0.02)
    assert not usual.fc.bias.any()


def test_heads_begin_with_a_relu_of_the_features():
    encoder, x = CNN12(NARROW).eval(), torch.randn(3, 3_000)
    h = encoder(x)
    assert (h < 0).any(), "features are before the ReLU"
    classifier = SoundModel(encoder, "classifier", 5)
    linear = classifier.head
    expected = h.clamp_min(0) @ linear.weight.T + linear.bias
    torch.testing.assert_close(classifier(x), expected)
    projection = SoundModel(encoder, "projection", 16)
    first, _, last = projection.head
    assert first.bias is not None and last.bias is None
    hidden = (h.clamp_min(0) @ first.weight.T + first.bias).clamp_min(0)
    torch.testing.assert_close(projection(x), hidden @ last.weight.T)


def test_dropout_is_before_the_linear_layer_and_in_training_alone():
    network, x = CNN12(NARROW), torch.randn(400, 2_370)
    seen = []
    network.fc.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    pooled = network.eval().trunk(x.unsqueeze(1)).mean(-1)
    one, two = network(x), network(x)
    assert torch.equal(one, two)
    torch.testing.assert_close(seen[0], pooled)
    network.train()
    one, two = network(x), network(x)
    assert not torch.equal(one, two)
    alive = pooled > 1e-6
    kept = (seen[2] != 0) & alive
    fraction = kept.sum() / alive.sum()
    assert float(fraction) == pytest.approx(0.6, abs=5 * math.sqrt(0.24 / int(alive.sum())))
    torch.testing.assert_close(seen[2][kept], pooled[kept] / 0.6)


def test_the_masks_of_a_batch_are_those_of_its_parts():
    drop, x = Dropout(0.4), torch.ones(7, 33)
    torch.manual_seed(3)
    whole = drop(x)
    torch.manual_seed(3)
    parts = torch.cat([drop(part) for part in x.split(3)])
    assert torch.equal(whole, parts)
    state = torch.get_rng_state()
    assert torch.equal(Dropout(0.0)(x), x) and torch.equal(drop.eval()(x), x)
    assert torch.equal(state, torch.get_rng_state()), "nothing is drawn where nothing is dropped"


def test_sonification_sees_neither_dropout_nor_heads():
    model = SoundModel(CNN12(NARROW), "classifier", 3).train()
    sonifier, x = Sonifier(model), torch.randn(1, 2_501)
    found = sonifier.most_active(x).signals
    assert found.shape == (11, 1, 2_501)
    assert torch.equal(found, Sonifier(model.encoder.trunk).most_active(x).signals)


def test_the_probe_of_the_whole_encoder_is_the_classifier():
    encoder, x = CNN12(NARROW), torch.randn(2, 3_000)
    model = SoundModel(encoder, "classifier", 4).eval()
    probes = Probes(encoder, {11: nn.Linear(64, 4), 12: model.head}).eval()
    logits = probes(x)
    torch.testing.assert_close(logits[1], model(x))
    maps = encoder.trunk(x.unsqueeze(1)).mean(-1)  # no ReLU, no dropout after a layer's maps
    torch.testing.assert_close(
        logits[0], F.linear(maps, probes.heads[0].weight, probes.heads[0].bias)
    )
    torch.manual_seed(0)
    one, two = probes.train()(x), probes(x)
    assert torch.equal(one[0], two[0]) and not torch.equal(one[1], two[1])


def test_the_card_stores_everything_and_rebuilds(tmp_path):
    card = ModelCard("r", 0, "fsd50k", "supervised", "none", NARROW, "CNN12", "projection", 16)
    model = checkpoint.build(card).eval()
    checkpoint.save(tmp_path, model, card)
    loaded, read = checkpoint.load(tmp_path)
    assert read == card and read.architecture.dropout == 0.4
    assert loaded.head[2].bias is None and not loaded.training
    x = torch.randn(2, 2_400)
    assert torch.equal(loaded(x), model(x))
    stored = json.loads((tmp_path / "model.json").read_text())["architecture"]
    assert stored["layout"]["filters"] == [row[1] for row in ROWS], "in full, not by name"


def test_a_layout_is_named_in_one_word_or_spelled_out():
    assert AUTHORS.layout == LAYOUTS["cnn12"] == Architecture().layout
    spelled = {"filters": [2, 4], "kernels": [3, 3], "pools": [2, 1], "padding": "valid"}
    read = msgspec.convert({"layout": spelled, "features": 4}, Architecture)
    assert read.n_layers == 2 and read.receptive_field == 8
    sent = msgspec.json.decode(msgspec.json.encode(AUTHORS), type=Architecture)
    assert sent == AUTHORS
    with pytest.raises(SonifyError, match="layout is 'cnn13': it must be cnn12, or lists"):
        Architecture(layout="cnn13")
    with pytest.raises(SonifyError, match="initialisation is 'xavier'"):
        Architecture(initialisation="xavier")
    with pytest.raises(SonifyError, match=r"dropout is 1.0: it must be in \[0, 1\)"):
        Architecture(dropout=1.0)
