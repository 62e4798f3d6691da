"""Rules for the most active feature map of a layer."""

from torch import Tensor

from sonify.runtime.errors import SonifyError
from sonify.sonification.settings import RULES


def strongest(maps: Tensor, rule: str = "mean") -> Tensor:
    """Return the index of the most active map, (clip,); ties go to the lower index.

    maps is (clip, filter, frame). Raises SonifyError as `activity` does.
    """
    return activity(maps, rule).argmax(-1)


def activity(maps: Tensor, rule: str = "mean") -> Tensor:
    """Return the activity of maps, (clip, filter, frame): (clip, filter).

    By `rule`: each map's mean over time ("mean"), largest value ("max") or sum of squares
    ("energy"). Raises SonifyError for another rule.
    """
    if rule == "max":
        return maps.amax(-1)
    if rule == "mean":
        return maps.mean(-1)
    if rule == "energy":
        return maps.square().sum(-1)
    raise SonifyError(f"rule is {rule!r}: it must be one of {', '.join(RULES)}")
