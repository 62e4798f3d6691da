import json
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from sonify.models.architecture import Layout
from sonify.models.cnn import CNN12, Architecture, count_parameters
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError


@pytest.mark.parametrize(
    ("width", "encoder", "whole"), [(1, 13_572_608, 13.84), (2, 53_228_032, 53.50)]
)
def test_parameter_counts_are_those_of_the_paper(width, encoder, whole):
    model = CNN12(Architecture(width=width))
    assert count_parameters(model) == encoder
    with_classes = SoundModel(model, "classifier", 527)
    assert round(count_parameters(with_classes) / 1e6, 2) == whole


def test_eleven_blocks_without_normalisation_end_in_512_features():
    model = CNN12(Architecture(width=0.125))
    kinds = [type(m) for m in model.trunk]
    assert kinds.count(nn.Conv1d) == kinds.count(nn.ReLU) == 11
    assert set(kinds) == {nn.Conv1d, nn.ReLU, nn.MaxPool1d}
    assert model(torch.randn(3, 20_000)).shape == (3, 512)


def test_frames_stride_and_receptive_field():
    shape = Architecture(width=0.125)
    assert (shape.pool_stride, shape.receptive_field) == (512, 8290)
    assert CNN12(shape).trunk(torch.zeros(1, 1, 20_000)).shape[-1] == 39


def test_receptive_field_is_what_an_output_frame_feels():
    shape = Architecture(width=1 / 64)
    model = CNN12(shape).double()
    with torch.no_grad():  # all-positive weights: no ReLU or cancellation hides an influence
        for p in model.parameters():
            p.abs_()
    x = torch.rand(1, 1, 4 * 8290).double().requires_grad_()
    out = model.trunk(x)
    pulled = []
    for module in model.trunk:  # the same network with average pooling, where every sample counts
        pulled.append(
            nn.AvgPool1d(module.kernel_size) if isinstance(module, nn.MaxPool1d) else module
        )
    nn.Sequential(*pulled)(x)[0, 0, out.shape[-1] // 2].backward()
    felt = x.grad.flatten().nonzero()
    assert int(felt.max() - felt.min()) + 1 == shape.receptive_field


def test_strided_variant_keeps_frames_but_has_no_pool():
    model = CNN12(Architecture(width=0.125, downsampling="strided"))
    assert not any(isinstance(m, nn.MaxPool1d) for m in model.trunk)
    assert model.trunk(torch.zeros(1, 1, 512 * 8)).shape[-1] == 8


def test_the_average_is_over_time_so_loud_input_is_not_a_longer_one():
    model = CNN12(Architecture(width=0.125))
    x = torch.randn(1, 512 * 40)
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
    with pytest.raises(ValueError, match="shorter than the 512 that leave a frame"):
        model(torch.zeros(1, 511))
    with pytest.raises(ValueError, match=r"expected \(clip, time\)"):
        model(torch.zeros(1, 1, 512))


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
