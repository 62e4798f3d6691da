"""The Captum-style front against Captum itself, in float64."""

import pytest
import torch
from captum.attr import NeuronDeconvolution
from torch import Tensor, nn

from sonify.sonification.attribution import Sonification
from sonify.sonification.deconvnet.sonifier import Sonifier


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv1d(1, 6, 9, padding=4), nn.ReLU()
        self.pool1 = nn.MaxPool1d(4)
        self.block2 = nn.Sequential(nn.Conv1d(6, 8, 5), nn.ReLU(), nn.MaxPool1d(2))
        self.conv3, self.relu3 = nn.Conv1d(8, 5, 3), nn.ReLU()
        self.fc = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block2(self.pool1(self.relu1(self.conv1(x))))
        return self.fc(self.relu3(self.conv3(x)).mean(-1))


@pytest.fixture
def net() -> Net:
    return Net().double()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 1, 403).double()


def same(ours: Tensor, theirs: Tensor) -> bool:
    assert ours.shape == theirs.shape and theirs.any()
    return float((ours - theirs).norm()) <= 1e-9 * float(theirs.norm())


@pytest.mark.parametrize("end", ["pool1", "block2", "block2.2", "relu3"])
def test_unscaled_it_is_what_captum_gives(net, x, end):
    layer = net.get_submodule(end)
    captum, ours = NeuronDeconvolution(net, layer), Sonification(net, layer)
    given = x.clone().requires_grad_()  # as Captum wants it; we do not mind
    for f in range(4):
        whole = captum.attribute(given, lambda a, f=f: 0.5 * (a[:, f] ** 2).sum(-1)).detach()
        assert same(ours.attribute(given, f, scaled=False), whole)
        half = captum.attribute(given, lambda a, f=f: 0.5 * a[:, f, 7] ** 2).detach()
        neuron = ours.attribute(given, (f, 7), scaled=False)
        assert not neuron.requires_grad
        if half.any():
            assert same(neuron, half)
        number = {"pool1": 1, "relu3": 3}.get(end, 2)
        activation = Sonifier(net).forward(x.squeeze(1)).maps[number - 1][:, f, 7]
        plain = captum.attribute(given, (f, 7)).detach()
        torch.testing.assert_close(neuron, activation[:, None, None] * plain)


def test_scaled_it_is_the_sonification(net, x):
    expected = Sonifier(net).sonify(x.squeeze(1), 2, 3)
    torch.testing.assert_close(Sonification(net, 2).attribute(x.squeeze(1), 3), expected)
    torch.testing.assert_close(Sonification(net, 2).attribute(x, 3), expected.unsqueeze(1))
    torch.testing.assert_close(Sonification(net).attribute(x, (3,), layer=2), expected[:, None])
    torch.testing.assert_close(
        Sonification(net, net.relu3).attribute(x, 3, layer=net.block2), expected[:, None]
    )
    peaks = Sonification(net).attribute(x, (1, 7)).abs().amax(-1)
    assert ((peaks == 0) | torch.isclose(peaks, x.abs().amax(-1))).all() and peaks.any()


def test_silent_clips_and_dead_neurons(net, x):
    x[1] = 0
    with torch.no_grad():
        net.conv3.bias[2] = -1e6
        net.conv3.bias[1] = 5.0
    ours = Sonification(net)
    for scaled in (True, False):
        assert not ours.attribute(x, 2, scaled=scaled).any(), "a dead map is silence"
    assert not ours.attribute(x, 1)[1].any(), "a silent clip has no peak to scale to"
    whole = NeuronDeconvolution(net, net.relu3).attribute(
        x.requires_grad_(), lambda a: 0.5 * (a[:, 1] ** 2).sum(-1)
    )
    assert same(ours.attribute(x, 1, scaled=False), whole.detach())


def test_functional_relus_are_treated_right(x):
    class Functional(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.block2(self.pool1(self.conv1(x).relu()))
            return self.fc(self.conv3(x).relu().mean(-1))

    functional, modules = Functional().double(), Net().double()
    modules.load_state_dict(functional.state_dict())
    expected = Sonification(modules, modules.relu3).attribute(x, 1, scaled=False)
    assert same(Sonification(functional, 3).attribute(x, 1, scaled=False), expected)


def test_a_module_that_ends_several_blocks_is_refused():
    class Reused(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.relu1(self.conv3(self.block2(self.relu1(self.conv1(x)))))

    model = Reused()
    with pytest.raises(ValueError, match="ReLU ends layers 1, 3: pass the number of the layer"):
        Sonification(model, model.relu1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"additional_forward_args": 1}, "additional_forward_args is not supported"),
        ({"attribute_to_neuron_input": True}, "starts from a block's output"),
        ({"neuron_selector": 5}, "layer 3 has filters 0 to 4, not 5"),
        ({"neuron_selector": -1}, "layer 3 has filters 0 to 4, not -1"),
        ({"neuron_selector": (1, 500)}, "layer 3 has frames 0 to 45 of these clips, not 500"),
        ({"neuron_selector": (1, slice(3))}, r"it must be a filter or \(filter, frame\)"),
        ({"neuron_selector": torch.sum}, r"it must be a filter or \(filter, frame\)"),
        ({"neuron_selector": (1, 2, 3)}, r"neuron_selector is \(1, 2, 3\)"),
        ({"layer": 4}, "layer is 4: the model has layers 1 to 3"),
        ({"inputs": torch.zeros(2, 2, 99)}, r"inputs have shape \(2, 2, 99\): expected"),
        ({"inputs": (torch.zeros(2, 99),)}, "inputs is a tuple: pass one tensor"),
    ],
)
def test_what_makes_no_sense_is_refused(net, x, options, message):
    with pytest.raises(ValueError, match=message):
        Sonification(net).attribute(**{"inputs": x, "neuron_selector": 0, **options})


@pytest.mark.parametrize("name", ["conv1", "relu1", "fc", "block2.0"])
def test_only_the_end_of_a_block_is_a_layer(net, name):
    with pytest.raises(ValueError, match=r"does not end a block of the model: pass .* from 1 to 3"):
        Sonification(net, net.get_submodule(name))
