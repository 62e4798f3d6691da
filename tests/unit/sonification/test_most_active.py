import subprocess
import sys

import pytest
import torch

from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.activity import RULES
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.most_active import most_active


@pytest.fixture
def sonifier():
    return Sonifier(CNN12(Architecture(width=1 / 16)).double().trunk)


# The longer clips make several batches.
@pytest.mark.parametrize(("n_clips", "n_samples"), [(3, 4_001), (3, 30_001)])
@pytest.mark.parametrize("rules", [RULES, ["energy"], ["mean", "max"]])
def test_it_finds_what_each_rule_alone_does_and_nothing_twice(sonifier, n_clips, n_samples, rules):
    x = torch.randn(n_clips, n_samples).double()
    alone = {rule: sonifier.most_active(x, rule) for rule in rules}
    clips = []
    for some, found in most_active(sonifier, x, rules):
        clips += range(n_clips)[some]
        asked = torch.stack([found.layers, found.clips, found.made.filters])
        assert asked.unique(dim=1).shape == asked.shape
        used = torch.stack(list(found.at.values())).unique()
        assert used.tolist() == list(range(len(found.layers)))
        for rule, at in found.at.items():
            made, expected = found.made, alone[rule]
            assert torch.equal(made.filters[at], expected.filters[:, some])
            assert torch.equal(made.dead[at], expected.dead[:, some])
            torch.testing.assert_close(
                made.signals[at], expected.signals[:, some], rtol=1e-9, atol=1e-12
            )
            assert (found.layers[at] == torch.arange(1, 12).view(-1, 1)).all()
            assert (found.clips[at] == torch.arange(at.shape[1])).all()
    assert clips == list(range(n_clips))


def test_unknown_rules_are_refused(sonifier):
    with pytest.raises(ValueError, match="rule is 'loudest': it must be one of"):
        next(most_active(sonifier, torch.randn(1, 4_000).double(), ["loudest"]))


def test_nothing_is_imported_that_takes_longer_than_the_job():
    code = """
import sys, torch
from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.methods import build_explainer
from sonify.sonification.most_active import most_active

explainer = build_explainer("deconvnet", CNN12(Architecture(width=1 / 64)))
next(most_active(explainer, torch.randn(1, 3_000), ["mean", "max"]))
print({"sympy", "torch._dynamo", "torch.fx.experimental.symbolic_shapes"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
