"""docs/networks.md says of each network what the engine, folding and autograd really do with it."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from networks import NETWORKS, lively
from torch import Tensor, nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.autograd.sonifier import AutogradSonifier
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.explainer import Sonifications
from sonify.sonification.trace.chain import Block, find_blocks
from sonify.sonification.trace.folding import folded

PAGE = Path(__file__).resolve().parents[2] / "docs" / "networks.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
SAMPLES = 2_400
pytestmark = pytest.mark.filterwarnings(
    "ignore:.torch.jit.:DeprecationWarning", "ignore:.torch.jit.:FutureWarning"
)


def made(name: str) -> nn.Module:
    torch.manual_seed(7)
    model = NETWORKS[name]()
    if isinstance(model, torch.jit.ScriptModule) or "negative" in name:
        return model
    return lively(model)


def blocks_of(model: nn.Module) -> tuple[str, tuple[Block, ...] | str]:
    """How the engine takes a model, and its blocks, or the sentence with which it is refused."""
    reason = ""
    for how, fold, strided in (
        ("engine", False, False),
        ("engine, `allow_strided`", False, True),
        ("engine, `folded`", True, False),
        ("engine, `folded`, `allow_strided`", True, True),
    ):
        try:
            return how, find_blocks(folded(model) if fold else model, strided)
        except SonifyError as refusal:
            reason = str(refusal)
    return "", reason


def by_autograd(model: nn.Module, x: torch.Tensor) -> Sonifications | str:
    try:
        return AutogradSonifier(model).most_active(x)
    except SonifyError as refusal:
        return str(refusal)


def row(name: str) -> str:
    model, x = made(name), torch.randn(1, SAMPLES).double()
    how, blocks = blocks_of(model)
    if how:
        return f"| {name} | {how} | {len(blocks)} | |\n"
    reason = str(blocks).partition("; layers 1 to")[0]
    reason = reason.replace("|", "\\|")
    heard = by_autograd(model, x)
    if isinstance(heard, str):
        return f"| {name} | not at all | | {heard} |\n"
    return f"| {name} | by autograd | {len(heard.signals)} | {reason} |\n"


def test_the_table_is_what_happens():
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    head = "| network | sonified by | layers | the engine's sentence |\n|--|--|--|--|\n"
    table = head + "".join(map(row, NETWORKS))
    wanted = before + BEGIN + table + END + rest.partition(END)[2]
    if page != wanted:  # kept beside it, to be looked at and put in its place
        PAGE.with_suffix(".md.new").write_text(wanted, encoding="utf-8")
    assert page == wanted, f"{PAGE.name} is out of date: compare it with {PAGE.name}.new"


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "CREPE"])
def test_engine_and_autograd_agree_where_both_run(name):
    """But for CREPE, whose layers the engine pools and autograd does not (test_rewriting.py)."""
    model, x = made(name), torch.randn(2, SAMPLES).double()
    how, blocks = blocks_of(model)
    if not how:
        return
    engine, reference = Sonifier(blocks), AutogradSonifier(model)
    ours, theirs = engine.most_active(x), reference.most_active(x)
    assert torch.equal(ours.filters, theirs.filters) and ours.signals.any()
    torch.testing.assert_close(ours.signals, theirs.signals, rtol=0, atol=1e-9)


class Rule(torch.autograd.Function):
    """Any activation, with the backward rule of the paper: positive gradients pass."""

    @staticmethod
    def forward(ctx, x: Tensor, activation) -> Tensor:
        return activation(x.detach())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return torch.where(gradient > 0, gradient, torch.zeros_like(gradient)), None


def by_hand(model: nn.Module, waveform: Tensor, monkeypatch) -> list[Tensor]:
    """The layers of a run of the model's own code, whose activations are replaced by the rule."""
    kept = []

    def ruled(activation):
        def run(x: Tensor, *args, **kwargs) -> Tensor:
            kept.append(Rule.apply(x, lambda values: activation(values, *args, **kwargs)))
            return kept[-1]

        return run

    def pooled(pool):
        def run(x: Tensor, *args, **kwargs):
            out = pool(x, *args, **kwargs)
            if kept and x is kept[-1]:
                kept[-1] = out[0] if isinstance(out, tuple) else out
            return out

        return run

    with monkeypatch.context() as patched:
        for name in ("relu", "gelu", "leaky_relu", "prelu", "elu"):
            patched.setattr(F, name, ruled(getattr(F, name)))
        for name in ("max_pool1d", "max_pool2d"):
            patched.setattr(F, name, pooled(getattr(F, name)))
        try:
            model(waveform)
        except RuntimeError as error:  # CREPE's head wants another length
            assert "shape '[-1, 384]' is invalid" in str(error)
    return kept


REFUSED = ("tanh instead of a rectifier", "TorchScript")


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in REFUSED])
def test_each_network_sounds_as_its_own_code_with_the_rule_written_out(name, monkeypatch):
    model, x = made(name).double(), torch.randn(1, SAMPLES).double()
    takes = x if "CREPE" in name or "negative" in name else x[None]
    waveform = takes.clone().requires_grad_()
    kept = by_hand(model.eval(), waveform, monkeypatch)
    heard = AutogradSonifier(model).most_active(x)
    assert len(heard.signals) == len(kept) and heard.signals.any()
    for maps, signal, filter in zip(kept, heard.signals, heard.filters[:, 0], strict=True):
        assert int(maps.flatten(2).mean(-1).argmax()) == int(filter)
        half = 0.5 * maps[:, filter].square().sum()
        (raw,) = torch.autograd.grad(half, waveform, retain_graph=True)
        theirs = raw.flatten() / raw.abs().max() * x.abs().max()
        torch.testing.assert_close(signal[0], theirs, rtol=0, atol=1e-9)
