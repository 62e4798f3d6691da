"""Folding batch normalisation leaves the function as it is, and refuses where it could not."""

import pytest
import torch
from torch import Tensor, nn

from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.trace import folding
from sonify.sonification.trace.chain import find_blocks
from sonify.sonification.trace.folding import folded


def lively(model: nn.Module) -> nn.Module:
    """The model with batch norms as after training, in training mode."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d) and module.running_mean is not None:
                module.running_mean.normal_()
                module.running_var.uniform_(0.3, 3)
                if module.affine:
                    module.weight.normal_()
                    module.bias.normal_()
    return model.double().train()


class Net(nn.Module):
    """Norms by two names, without bias or affine, behind a Linear, and where none can be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, 4, 9, bias=False)
        self.bn1 = nn.BatchNorm1d(4)
        self.first = nn.Sequential(self.conv1, self.bn1, nn.ReLU(), nn.MaxPool1d(2))
        self.conv2, self.bn2 = nn.Conv1d(4, 6, 3, groups=2), nn.BatchNorm1d(6, affine=False)
        self.fc, self.bn3 = nn.Linear(6, 3), nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            x = x.unsqueeze(1)
        x = torch.relu(self.bn2(self.conv2(self.first(x))))
        return self.bn3(self.fc(x.mean(-1)))


def test_the_folded_model_computes_the_same():
    model, x = lively(Net()), torch.randn(4, 1, 211).double()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    plain = folded(model)
    assert model.training and all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert type(plain) is Net and not plain.training
    model.eval()
    torch.testing.assert_close(plain(x), model(x), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(plain(x[:, 0]), model(x), rtol=1e-9, atol=1e-12)
    assert isinstance(plain.bn1, nn.Identity) and plain.first[1] is plain.bn1
    assert plain.first[0] is plain.conv1 and isinstance(plain.bn3, nn.BatchNorm1d)
    # The maps that sonification starts from are the model's own.
    own = {}
    model.first.register_forward_hook(lambda m, a, out: own.update(maps=out))
    model(x)
    maps = Sonifier(find_blocks(plain)).forward(x[:, 0]).maps[0]
    torch.testing.assert_close(maps, own["maps"], rtol=1e-9, atol=1e-12)


def test_weights_under_weight_norm_fold_too():
    conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(1, 3, 5))
    model = lively(nn.Sequential(conv, nn.BatchNorm1d(3), nn.ReLU())).eval()
    x = torch.randn(2, 1, 99).double()
    torch.testing.assert_close(folded(model)(x), model(x), rtol=1e-9, atol=1e-12)
    assert conv.parametrizations["weight"] and type(folded(model)[0]) is nn.Conv1d


def test_a_model_without_batch_norm_is_copied():
    model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU())
    copied, x = folded(model), torch.randn(1, 1, 50)
    assert copied is not model and copied[0].weight is not model[0].weight
    assert torch.equal(copied(x), model(x))


class Shared(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.bn2(self.conv2(self.first(x)))
        return torch.relu(self.conv2(torch.relu(x)[:, :4]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Sequential(
                nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2, track_running_stats=False), nn.ReLU()
            ),
            r"module '1' \(BatchNorm1d\) keeps no running statistics",
        ),
        (Shared, r"module 'conv2' \(Conv1d\) is used more than once"),
    ],
)
def test_what_cannot_be_folded_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        folded(make())


class Single(nn.Sequential):
    def __deepcopy__(self, memo: dict) -> nn.Module:
        raise RuntimeError("there is one. It is this")


def test_a_model_that_cannot_be_copied_is_refused_with_the_first_sentence_of_why():
    model = Single(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2), nn.ReLU())
    refusal = r"^Single cannot be copied \(there is one\): make a copy of it that can be pickled"
    with pytest.raises(ValueError, match=refusal):
        folding._copied(model)


def test_a_norm_behind_the_relu_is_folded_into_the_next_convolution():
    model = lively(
        nn.Sequential(
            *[nn.Conv1d(1, 2, 3), nn.ReLU(), nn.BatchNorm1d(2)],
            *[nn.Conv1d(2, 2, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 48, 2)],
        )
    ).eval()
    x = torch.randn(2, 1, 50).double()
    torch.testing.assert_close(folded(model)(x), model[:5](x), rtol=1e-9, atol=1e-12)
    maps = Sonifier(folded(model)).forward(x[:, 0]).maps[1]
    torch.testing.assert_close(maps, model[:5](x), rtol=1e-9, atol=1e-12)


def test_a_model_that_is_no_chain_either_way_is_copied_with_its_norms_folded():
    model = lively(nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2), nn.GELU())).eval()
    x = torch.randn(2, 1, 50).double()
    torch.testing.assert_close(folded(model)(x), model(x), rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match=r"followed by module '2' \(GELU\)"):
        find_blocks(folded(model))
