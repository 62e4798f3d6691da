"""Figure: how well sonifications isolate single sources of clips whose stems are known."""

import pandas as pd
from matplotlib.figure import Figure

from sonify.paper.labels import distinct_labels, measured_on
from sonify.reporting.control_values import stems_values
from sonify.reporting.drawing.sounds import Panel, figure_of_sounds

_ROWS = {
    "best_share": "power in its best source",
    "si_sdr_db": "SI-SDR, dB (median)",
    "auc_time": "AUC over time",
    "auc_bins": "AUC over bins",
}


def figure_stems(stems: pd.DataFrame, scale: str) -> Figure:
    """Measures of separation by layer, from contract stems: a column for each run.

    Raises SonifyError without rows.
    """
    values = stems_values(stems)
    named = distinct_labels(values)
    place = measured_on(stems) if len(stems) else ""
    rows = [
        [
            Panel(
                f"{label}\n{place}" if metric == "best_share" else "",
                words,
                values[(values["metric"] == metric) & (values["run"] == run)],
            )
            for run, label in named.items()
        ]
        for metric, words in _ROWS.items()
    ]
    return figure_of_sounds(rows, scale)
