"""Timings of what is computed of sounds and scores rather than by a network."""

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sonify.contracts.audio_format import RATE_HZ
from sonify.contracts.tables import FORMAT
from sonify.data.audio.pcm import encode_each
from sonify.estimate.work import Work, other
from sonify.evaluation.measurements.scoring import measured
from sonify.evaluation.metrics.bootstrap import resamples
from sonify.evaluation.metrics.coherence import mean_topk_coherence
from sonify.evaluation.metrics.envelope import envelope_correlation
from sonify.evaluation.metrics.peaks import active_fraction, peak_coherence
from sonify.evaluation.metrics.spectra import spectral_shape

CLIPS, CLASSES = (40, 400), 20
SIGNALS, SECONDS = 16, 2.5


Seconds = Callable[[Callable[[], object]], float]  # of a call


def score_timings(seconds: Seconds) -> Iterator[tuple[Work, float]]:
    """Yield metrics of few scores and of many, and the seconds that they take."""
    for number in CLIPS:
        rng = np.random.default_rng(0)
        targets = (rng.random((number, CLASSES)) < 0.1).astype(np.uint8)
        targets[:CLASSES] |= np.eye(CLASSES, dtype=np.uint8)
        scores = rng.standard_normal((number, CLASSES)).astype(np.float32)
        counts = resamples("calibration", "eval", [str(i) for i in range(number)])
        took = seconds(partial(measured, targets, scores, counts))
        yield other(score=number * CLASSES, ranking=CLASSES), took


def sound_timings(seconds: Seconds) -> Iterator[tuple[Work, float]]:
    """Yield works in one unit each and the seconds that they take, by the timer `seconds`."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SIGNALS, round(SECONDS * RATE_HZ))).astype(np.float32)
    s = 0.5 * x + 0.1 * rng.standard_normal(x.shape).astype(np.float32)
    all_s = SIGNALS * SECONDS
    took = seconds(lambda: (mean_topk_coherence(x, s), envelope_correlation(x, s)))
    yield other(spectra_s=all_s), took
    took = seconds(lambda: (mean_topk_coherence(x, s), spectral_shape(s)))
    yield other(sound_s=all_s), took
    took = seconds(lambda: [_peaks(*pair) for pair in zip(x, s, strict=True)])
    yield other(peaks_s=all_s), took
    took = seconds(lambda: pq.write_table(_encoded(s), BytesIO(), **FORMAT))
    yield other(kept_s=all_s), took


def _peaks(x: np.ndarray, s: np.ndarray) -> tuple[object, ...]:
    return peak_coherence(x, s), active_fraction(s)


def _encoded(signals: np.ndarray) -> pa.Table:
    peaks, pcm = encode_each(signals)
    return pa.table({"peak": peaks, "pcm": pcm})
