"""docs/networks.md says of each network what the engine, folding and autograd really do with it."""

from pathlib import Path

import pytest
import torch
from networks import NETWORKS, lively
from torch import nn

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
