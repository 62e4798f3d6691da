"""δ of the claims about differences: how large a difference is too small to matter, and why.

Fixed on 28 November 2026, before any number of the miniature on the authors' network was judged by
them (decision 85). "Reproduced" takes precedence: a demonstrated effect, however small, is an
effect.
"""

from sonify.paper.claims.rules import Delta

SCORE = Delta(
    0.02,
    "that is about a third of what pretraining gains in the paper's Table A.4, 0.424 against 0.362 "
    "mAP",
)
COHERENCE = Delta(
    0.02, "that is under a tenth of the 0.24 by which the authors' contrastive curve falls"
)
SLOPE = Delta(
    COHERENCE.value / 10, "over the ten steps from layer 1 to layer 11 that adds up to 0.02"
)
BASELINE = Delta(
    0.05, "that is 0.02 of mAP for a baseline of 0.42, the authors' fully finetuned model"
)
FRACTION = Delta(0.02, "that is a fiftieth of the range, 0 to 1, of what is compared")
