"""What tracing cannot see of a model: hooks, wrappers, changes afterwards, and shapes in Python."""

import pytest
import torch
from torch import nn
from torch.nn.modules import module as every
from torch.nn.utils import weight_norm
from torch.optim.swa_utils import AveragedModel

from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.trace.folding import folded


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv1d(1, 8, 9), nn.ReLU(), nn.MaxPool1d(2), nn.Dropout()),
        *(nn.Conv1d(8, 16, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 3)),
    )


def signals(sonifier: Sonifier) -> torch.Tensor:
    x = torch.randn(2, 600, generator=torch.Generator().manual_seed(1))
    return sonifier.most_active(x).signals


def replaced(values: torch.Tensor) -> torch.Tensor:
    return torch.randn(values.shape, generator=torch.Generator().manual_seed(2)) / 4


def by_data(model: nn.Module) -> None:
    for values in model.parameters():
        values.data.copy_(replaced(values))


def by_state_dict(model: nn.Module) -> None:
    model.load_state_dict({k: replaced(v) for k, v in model.state_dict().items()})


def by_set(model: nn.Module) -> None:
    for values in model.parameters():
        values.data = replaced(values)


def by_numpy(model: nn.Module) -> None:
    for values in model.parameters():
        values.detach().numpy()[...] = replaced(values).numpy()


def by_parametrisation(model: nn.Module) -> None:
    for conv in (model[0], model[4]):
        nn.utils.parametrizations.weight_norm(conv)
        conv.parametrizations.weight.original0.data.mul_(3)


def by_dilation(model: nn.Module) -> None:
    model[4].dilation = (2,)


@pytest.mark.parametrize(
    "change", [by_data, by_state_dict, by_set, by_numpy, by_parametrisation, by_dilation]
)
def test_a_living_sonifier_has_the_weights_that_the_model_has(change):
    model = chain()
    sonifier = Sonifier(model)
    before = signals(sonifier)
    change(model)
    after = signals(sonifier)
    assert torch.equal(after, signals(Sonifier(model)))
    assert not torch.allclose(after, before, atol=1e-3)


def zeroed(module: nn.Module, inputs: tuple, output: torch.Tensor) -> torch.Tensor:
    return output * 0


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["forward hook", "forward pre-hook", "forward of its own"])
def test_a_module_that_computes_something_else_is_refused(at, kind):
    model = chain()
    if kind == "forward hook":
        model[at].register_forward_hook(zeroed)
    elif kind == "forward pre-hook":
        model[at].register_forward_pre_hook(lambda module, inputs: inputs)
    else:
        model[at].forward = lambda x: 0 * x
    with pytest.raises(SonifyError, match=rf"module '{at}' \(\w+\) has a {kind}"):
        Sonifier(model)


def test_hooks_on_the_head_do_no_harm():
    model = chain()
    model[8].register_forward_hook(zeroed)
    assert Sonifier(model).filters == (8, 16)


def test_hooks_on_the_model_and_on_all_modules_are_refused():
    model = chain()
    handle = model.register_forward_pre_hook(lambda module, inputs: inputs)
    with pytest.raises(SonifyError, match=r"the model itself \(Sequential\) has a forward hook"):
        Sonifier(model)
    handle.remove()
    handle = every.register_module_forward_hook(zeroed)
    try:
        with pytest.raises(SonifyError, match="a forward hook for all modules"):
            Sonifier(model)
    finally:
        handle.remove()
    assert Sonifier(model).filters == (8, 16)


def test_a_hook_set_afterwards_or_a_module_put_in_place_is_noticed():
    model = chain()
    sonifier = Sonifier(model)
    handle = model[1].register_forward_hook(zeroed)
    with pytest.raises(SonifyError, match="module '1' has another forward or other hooks than"):
        signals(sonifier)
    handle.remove()
    signals(sonifier)
    model[4] = nn.Conv1d(8, 16, 5)
    with pytest.raises(SonifyError, match="module '4' is not the one of when the model was trac"):
        signals(sonifier)


def test_a_module_that_was_taken_out_is_noticed():
    model = nn.Sequential(chain()[:2])
    sonifier = Sonifier(model)
    signals(sonifier)
    del model[0][1]
    with pytest.raises(SonifyError, match=r"module '0\.1' is not the one of when the model was"):
        signals(sonifier)


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_folding_refuses_what_it_would_lose():
    plain = nn.Sequential(nn.Conv1d(1, 8, 9), nn.BatchNorm1d(8), nn.ReLU())
    plain[1].register_forward_hook(zeroed)
    with pytest.raises(SonifyError, match=r"module '1' \(BatchNorm1d\) has a forward hook"):
        folded(plain)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_old_weight_norms_are_folded_as_they_are():
    x = torch.randn(2, 1, 60)
    normed = nn.Sequential(weight_norm(nn.Conv1d(1, 8, 9)), nn.BatchNorm1d(8), nn.ReLU()).eval()
    behind = nn.Sequential(*normed, weight_norm(nn.Conv1d(8, 8, 3)), nn.ReLU()).eval()
    for model in (normed, behind):
        torch.testing.assert_close(folded(model)(x), model(x))


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel, AveragedModel])
def test_wrapped_models_are_unwrapped(wrap):
    wrapped = wrap(chain())
    assert torch.equal(signals(Sonifier(wrapped)), signals(Sonifier(chain())))
    normed = nn.Sequential(nn.Conv1d(1, 8, 9), nn.BatchNorm1d(8), nn.ReLU())
    assert Sonifier(folded(wrap(normed))).filters == (8,)


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_a_wrapper_around_a_part_is_named(wrap):
    with pytest.raises(SonifyError, match=r"module '0' \(\w+\) wraps a part of the model: put the"):
        Sonifier(nn.Sequential(wrap(chain()[:2]), nn.Conv1d(8, 8, 3), nn.ReLU()))


def test_lazy_modules_that_never_ran():
    model = nn.Sequential(nn.LazyConv1d(8, 9), nn.ReLU())
    with pytest.raises(SonifyError, match=r"'0' \(LazyConv1d\) has no weights yet: run the model"):
        Sonifier(model)
    model(torch.randn(1, 1, 100))
    assert Sonifier(model).filters == (8,)


class Shaped(nn.Module):
    """Asks for its input's shape in one of the ways of plain Python."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.conv = way, nn.Conv1d(1, 8, 9)

    def forward(self, x):
        if self.way == "len(shape)":
            x = x.unsqueeze(1) if len(x.shape) == 2 else x
        elif self.way == "len(size())":
            x = x.unsqueeze(1) if len(x.size()) == 2 and len(x) > 1 else x
        elif self.way == "in" and x.dim() in (1, 2):
            x = x[:, None]
        elif self.way == "star":
            batch, *_, time = x.shape
            x = x.reshape(batch, 1, time)
        elif self.way == "int":
            x = x.reshape(int(x.shape[0]), 1, -1)
        elif self.way == "range":
            for _ in range(3 - x.dim()):
                x = x.unsqueeze(1)
        return torch.relu(self.conv(x))


@pytest.mark.parametrize("way", ["len(shape)", "len(size())", "in", "star", "int", "range"])
def test_shapes_may_be_asked_for_in_python(way):
    assert Sonifier(Shaped(way)).filters == (8,)


@pytest.mark.parametrize("x", [[[0.0, 1.0]], torch.zeros(2, 600).numpy(), None])
def test_what_is_no_tensor_is_named(x):
    sonifier = Sonifier(chain())
    asks = [
        *(lambda: sonifier.sonify(x, 1, 0), lambda: sonifier.most_active(x)),
        *(lambda: sonifier.whole_layer(x, 1), lambda: list(sonifier.maps(x))),
        lambda: sonifier.render(x, 1, torch.tensor([0]), torch.tensor([0])),
    ]
    for ask in asks:
        with pytest.raises(SonifyError, match="x is a .*, not a tensor: pass torch.as_tensor"):
            ask()


@pytest.mark.parametrize(("name", "said"), [("weight", "weights"), ("bias", "biases")])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_said(name, said, wrong):
    model = chain()
    getattr(model[4], name).data.flatten()[3] = wrong
    with pytest.raises(SonifyError, match=f"layer 2 has {said} that are not finite"):
        signals(Sonifier(model))
