"""The public interface: its names, and the examples in the docstrings of what a user calls."""

import doctest

import pytest

from sonify import api
from sonify.models import checkpoint
from sonify.models.architecture import Architecture

# The public names of section 5 of the design, which may be added to and never taken from.
PUBLIC = {
    *("Sonifier", "CNN12", "Architecture", "load_checkpoint", "folded", "TopActivations"),
    *("Sonification", "mean_topk_coherence", "mean_average_precision", "mean_auc", "d_prime"),
    "AutogradSonifier",
}
EXAMPLES = {
    "api": api,
    "Sonifier": api.Sonifier,
    "AutogradSonifier": api.AutogradSonifier,
    "Sonifier.sonify": api.Sonifier.sonify,
    "Sonifier.most_active": api.Sonifier.most_active,
    "Sonifier.render": api.Sonifier.render,
    "Sonifier.whole_layer": api.Sonifier.whole_layer,
    "load_checkpoint": api.load_checkpoint,
    "folded": api.folded,
    "TopActivations": api.TopActivations,
    "Sonification.attribute": api.Sonification.attribute,
    "mean_topk_coherence": api.mean_topk_coherence,
    "mean_average_precision": api.mean_average_precision,
    "mean_auc": api.mean_auc,
    "d_prime": api.d_prime,
}


def test_the_public_names_are_those_promised():
    assert set(api.__all__) == PUBLIC
    assert all(hasattr(api, name) for name in PUBLIC)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_in_the_docstring_runs(name, tmp_path):
    if name == "load_checkpoint":
        card = checkpoint.ModelCard(
            run="contrastive",
            seed=0,
            dataset="audioset",
            regime="contrastive",
            finetune="none",
            architecture=Architecture(width=1 / 16),
            architecture_name="CNN12",
            head="projection",
            outputs=8,
        )
        checkpoint.save(tmp_path, checkpoint.build(card), card)
    (test,) = doctest.DocTestFinder(recurse=False).find(
        EXAMPLES[name], name, extraglobs={"folder": tmp_path}
    )
    assert test.examples
    problems: list[str] = []
    doctest.DocTestRunner().run(test, out=problems.append)
    assert not problems, "".join(problems)
