import pytest
import torch
from torch import nn

from sonify.models.cnn import CNN12, Architecture, count_parameters
from sonify.models.heads import SoundModel


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
    with pytest.raises(ValueError, match="shorter than the pool stride 512"):
        model(torch.zeros(1, 511))
    with pytest.raises(ValueError, match=r"expected \(clip, time\)"):
        model(torch.zeros(1, 1, 512))


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="must be one of classifier, projection"):
        SoundModel(CNN12(Architecture(width=0.125)), "regressor", 3)
