"""Pools that return indices, however the two results are taken apart, against Captum in float64."""

import pytest
import torch
import torch.nn.functional as F
from oracles import captum_sonification
from torch import Tensor, nn

from sonify.sonification.activity import strongest
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.trace.chain import find_blocks


class Net(nn.Module):
    """Two blocks with pools and a head; the ways below take maxima and indices apart."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv1d(1, 5, 7), nn.ReLU()
        self.pool1 = nn.MaxPool1d(3, return_indices=True)
        self.conv2, self.relu2 = nn.Conv1d(5, 6, 4), nn.ReLU()
        self.pool2 = nn.MaxPool1d(2, return_indices=True)

    def head(self, x: Tensor) -> Tensor:
        return x.mean(-1)


class Assigned(Net):
    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.pool1(self.relu1(self.conv1(x)))
        x, indices = self.pool2(self.relu2(self.conv2(x)))
        return self.head(x), indices


class First(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.relu1(self.conv1(x)))[0]
        return self.head(self.pool2(self.relu2(self.conv2(x)))[-2])


class Starred(Net):
    def forward(self, x: Tensor) -> Tensor:
        x, *rest = self.pool1(self.relu1(self.conv1(x)))
        (x, *_) = tuple(self.pool2(self.relu2(self.conv2(x))))
        return self.head(x), rest


class Kept(Net):
    """As the authors write it: a loop over the children that keeps the indices by name."""

    def __init__(self) -> None:
        super().__init__()
        self.switches, self.order = {}, []

    def forward(self, x: Tensor) -> Tensor:
        for name, child in self.named_children():
            if isinstance(child, nn.MaxPool1d):
                x, self.switches[name] = child(x)
                self.order.append(name)
            else:
                x = child(x)
        return self.head(x)


class Functional(Net):
    def forward(self, x: Tensor) -> Tensor:
        x, _ = F.max_pool1d(F.relu(self.conv1(x)), 3, return_indices=True)
        x, _ = F.max_pool1d_with_indices(F.relu(self.conv2(x)), 2)
        return self.head(x)


class Torch(Net):
    def forward(self, x: Tensor) -> Tensor:
        pair = torch.max_pool1d_with_indices(torch.relu(self.conv1(x)), 3)
        assert len(pair) == 2
        return self.head(next(iter(self.pool2(self.conv2(pair[0]).relu()))))


@pytest.mark.parametrize("kind", [Assigned, First, Starred, Kept, Functional, Torch])
def test_maxima_are_followed_however_they_are_unpacked(kind):
    model = kind().double()
    chain = nn.Sequential(
        *[model.conv1, nn.ReLU(), nn.MaxPool1d(3)], *[model.conv2, nn.ReLU(), nn.MaxPool1d(2)]
    )
    sonifier, x = Sonifier(model), torch.randn(1, 307).double()
    assert [b.conv for b in sonifier.blocks] == [model.conv1, model.conv2]
    for layer in (1, 2):
        chosen = int(strongest(sonifier.forward(x).maps[layer - 1])[0])
        theirs = captum_sonification(chain, x, layer, chosen)
        assert theirs.any()
        torch.testing.assert_close(sonifier.sonify(x, layer, chosen), theirs, rtol=0, atol=1e-9)


def test_nothing_is_left_in_the_lists_and_dictionaries_of_the_model():
    model = Kept()
    model.switches["before"] = 1
    find_blocks(model)
    assert model.switches == {"before": 1} and model.order == []


class Unpooling(Net):
    """An autoencoder: what unpools takes the indices past the second block."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2 = nn.Conv1d(5, 5, 5, padding=2)
        self.unpool, self.conv3 = nn.MaxUnpool1d(3), nn.Conv1d(5, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        x, indices = self.pool1(self.relu1(self.conv1(x)))
        x = self.relu2(self.conv2(x))
        return torch.relu(self.conv3(self.unpool(x, indices)))


def test_indices_that_go_to_a_decoder_are_no_branch_of_the_encoder():
    model, x = Unpooling().double(), torch.randn(1, 307).double()
    assert model(x[:, None]).shape == (1, 1, 294)
    with pytest.raises(ValueError, match=r"module 'unpool' .* begin a block.*; layers 1 to 2 can"):
        find_blocks(model)
    chain = nn.Sequential(model.conv1, nn.ReLU(), nn.MaxPool1d(3), model.conv2, nn.ReLU())
    theirs = captum_sonification(chain, x, 2, 3)
    assert theirs.any()
    ours = Sonifier(model, layers=2).sonify(x, 2, 3)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


class Both(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.relu2(self.conv2(self.pool1(self.relu1(self.conv1(x)))))


def test_a_pair_that_goes_on_as_it_is_is_refused():
    with pytest.raises(
        ValueError,
        match=r"^module 'pool1' \(MaxPool1d\) returns its maxima with their indices, and both go "
        r"to module 'conv2' \(Conv1d\): pass on the first of the two alone$",
    ):
        find_blocks(Both())
