"""Which feature map of a layer is the most active: the paper is silent on the rule."""

from torch import Tensor

from sonify.runtime.errors import SonifyError

RULES = ("max", "mean", "energy")


def strongest(maps: Tensor, rule: str = "max") -> Tensor:
    """Index of the most active map, (clip,), of maps, (clip, filter, frame); ties to the lower."""
    return activity(maps, rule).argmax(-1)


def activity(maps: Tensor, rule: str = "max") -> Tensor:
    """How active each map is, (clip, filter), of maps, (clip, filter, frame).

    Its largest value over time ("max"), its mean ("mean") or its sum of squares ("energy"). Raises
    SonifyError for another rule.
    """
    if rule == "max":
        return maps.amax(-1)
    if rule == "mean":
        return maps.mean(-1)
    if rule == "energy":
        return maps.square().sum(-1)
    raise SonifyError(f"rule is {rule!r}: it must be one of {', '.join(RULES)}")
