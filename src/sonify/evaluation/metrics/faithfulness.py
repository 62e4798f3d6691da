"""The field's measures of how faithfully a sound explains a classifier's decision.

They compare a classifier's scores on a clip x, on the explanation s alone, and on the rest, x - s.
c is the class with the greatest score on x, p(.) the softmax over its scores. L-MAC (Paissan et al.
2024) gives average drop, increase and gain in hundredths.
"""

from typing import NamedTuple

import numpy as np


class Faithfulness(NamedTuple):
    """The measures of each clip, (clip,).

    faithfulness: FF, p_c(x) - p_c(x - s) (Parekh et al. 2022); faithfulness_logit uses the score
    instead of p. average_drop: fall of p_c from x to s alone, relative to p_c(x), 0 for a rise
    (Chattopadhay et al. 2018). average_increase: 1 where p_c rises, else 0 (same source);
    average_increase_logit, where the score rises. average_gain: that rise, relative to 1 - p_c(x),
    0 for a drop (Zhang et al. 2024). fidelity: to the input, 1 where s alone has class c (Paissan
    et al. 2023).
    """

    faithfulness: np.ndarray
    faithfulness_logit: np.ndarray
    average_drop: np.ndarray
    average_increase: np.ndarray
    average_increase_logit: np.ndarray
    average_gain: np.ndarray
    fidelity: np.ndarray


def faithfulness(whole: np.ndarray, alone: np.ndarray, left: np.ndarray) -> Faithfulness:
    """Return the measures from the scores of x, s and x - s, (clip, class) each."""
    scores = [np.asarray(values, np.float64) for values in (whole, alone, left)]
    c = scores[0].argmax(axis=1)[:, None]
    x, s, rest = (np.take_along_axis(_softmax(v), c, axis=1)[:, 0] for v in scores)
    of_x, of_s, of_rest = (np.take_along_axis(v, c, axis=1)[:, 0] for v in scores)
    room = np.where(x < 1, 1 - x, 1.0)  # where there is none, there is no gain either
    return Faithfulness(
        faithfulness=x - rest,
        faithfulness_logit=of_x - of_rest,
        average_drop=np.maximum(x - s, 0) / x,
        average_increase=(s > x).astype(np.float64),
        average_increase_logit=(of_s > of_x).astype(np.float64),
        average_gain=np.maximum(s - x, 0) / room,
        fidelity=(scores[1].argmax(axis=1) == c[:, 0]).astype(np.float64),
    )


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
