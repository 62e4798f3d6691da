import json
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from sonify.models.architecture import Layout
from sonify.models.cnn import CNN12, Architecture
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError


def test_eleven_blocks_without_normalisation_end_in_512_features():
    model = CNN12(Architecture(width=0.125))
    kinds = [type(m) for m in model.trunk]
    assert kinds.count(nn.Conv1d) == kinds.count(nn.ReLU) == 11
    assert set(kinds) == {nn.Conv1d, nn.ReLU, nn.MaxPool1d}
    assert model(torch.randn(3, 20_000)).shape == (3, 512)


def test_strided_variant_keeps_the_stride_but_has_no_pool():
    shape = Architecture(width=0.125, downsampling="strided")
    trunk = CNN12(shape).trunk
    assert not any(isinstance(m, nn.MaxPool1d) for m in trunk)
    # Of the 2,370 samples that the pooled network needs, its pools have 1 + 2 + ... + 128.
    assert (shape.pool_stride, shape.receptive_field) == (256, 2_370 - 255)
    assert trunk(torch.zeros(1, 1, 2_115 + 7 * 256)).shape[-1] == 8
    assert trunk(torch.zeros(1, 1, 2_115 + 7 * 256 - 1)).shape[-1] == 7


def test_the_average_is_over_time_so_loud_input_is_not_a_longer_one():
    model = CNN12(Architecture(width=0.125))
    x = torch.randn(1, 256 * 80)
    # Away from the edges, repeating a clip leaves the average nearly alone.
    torch.testing.assert_close(model(x), model(x.repeat(1, 4)), rtol=0.2, atol=0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "width is 0"),
        ({"width": 0.001}, "at least one filter"),
        ({"downsampling": "none"}, "must be pool or strided"),
        ({"features": 0}, "features is 0"),
    ],
)
def test_impossible_architectures_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Architecture(**arguments)


def test_wrong_shapes_and_short_clips_are_refused():
    model = CNN12(Architecture(width=0.125))
    with pytest.raises(ValueError, match="shorter than the 2370 that leave a frame"):
        model(torch.zeros(1, 2_369))
    with pytest.raises(ValueError, match=r"expected \(clip, time\)"):
        model(torch.zeros(1, 1, 2_370))


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="must be one of classifier, projection"):
        SoundModel(CNN12(Architecture(width=0.125)), "regressor", 3)


LAYOUT = Layout(filters=(8, 16, 24), kernels=(7, 4, 3), pools=(2, 3, 1), padding="valid")


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_any_layout_has_the_frames_and_the_shortest_clip_that_it_says(downsampling, padding):
    layout = replace(LAYOUT, padding=padding, kernels=(7, 5, 3) if padding == "same" else (7, 4, 3))
    shape = Architecture(width=0.5, downsampling=downsampling, features=32, layout=layout)
    model = CNN12(shape)
    assert shape.filters == (4, 8, 12) and shape.whole == 4 and shape.strides == (2, 6, 6)
    shortest = shape.shortest_clip()
    for n_samples in (shortest, shortest + 1, 97, 1_000):
        assert model.trunk(torch.zeros(1, 1, n_samples)).shape[-1] == shape.frames(n_samples)[-1]
    assert model(torch.randn(2, shortest)).shape == (2, 32)
    assert shape.frames(shortest)[-1] == 1
    if padding == "valid":
        assert shape.frames(shortest - 1)[-1] == 0
    with pytest.raises(ValueError, match=f"shorter than the {shortest} that leave a frame"):
        model(torch.zeros(1, shortest - 1))
    for layers in (1, 2):
        first = Layout(
            *(getattr(layout, k)[:layers] for k in ("filters", "kernels", "pools")), padding
        )
        alone = replace(shape, layout=first)
        assert shape.shortest_clip(layers) == alone.shortest_clip()


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
@pytest.mark.parametrize(
    "layout",
    [
        "cnn12",
        LAYOUT,
        Layout((4, 4, 8, 8), (11, 7, 5, 5), (4, 2, 1, 2), "same"),
    ],
    ids=["cnn12", "valid", "same"],
)
def test_receptive_fields_are_what_an_output_frame_of_each_layer_feels(layout, downsampling):
    shape = Architecture(width=1 / 4, downsampling=downsampling, layout=layout, features=8)
    if layout == "cnn12":
        shape = replace(shape, width=1 / 64)
    trunk = CNN12(shape).double().trunk
    for p in trunk.parameters():  # positive: no ReLU or cancellation hides an influence
        p.data.abs_()
    x = torch.rand(1, 1, 3 * shape.receptive_field, dtype=torch.float64, requires_grad=True)
    h, ends = x, []
    for module in trunk:  # with average pooling, where every sample counts
        if isinstance(module, nn.Conv1d):
            ends.append(None)
        h = nn.AvgPool1d(module.kernel_size)(h) if isinstance(module, nn.MaxPool1d) else module(h)
        ends[-1] = h
    expected = zip(
        ends, shape.receptive_fields, shape.strides, shape.frames(x.shape[-1]), strict=True
    )
    for h, field, stride, frames in expected:
        at = frames // 2
        starts = []
        for frame in (at, at + 1):
            (pull,) = torch.autograd.grad(h[0, :, frame].sum(), x, retain_graph=True)
            felt = pull.flatten().nonzero()
            starts.append(int(felt.min()))
            assert int(felt.max()) - starts[-1] + 1 == field
        assert h.shape[-1] == frames and starts[1] - starts[0] == stride


def test_a_layout_survives_json():
    shape = Architecture(width=0.5, layout=LAYOUT)
    assert Architecture(**json.loads(json.dumps(asdict(shape)))) == shape


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernels": (7, 5)}, "layout.kernels has 2 numbers for 3 layers: give"),
        ({"pools": (2, 0, 1)}, "layout.pools has 0: it must be 1 or more"),
        ({"padding": "full"}, "layout.padding is 'full': it must be same or valid"),
        ({"padding": "same"}, "layout.kernels has 4, but padding same needs odd lengths"),
    ],
)
def test_impossible_layouts_are_refused(changes, message):
    with pytest.raises(SonifyError, match=message):
        replace(LAYOUT, **changes)
