"""The results page: one HTML file with claims, tables, figures, sounds to play and accounts."""

import math
from dataclasses import dataclass, field

import pandas as pd

from sonify.contracts.audio_format import RATE_HZ
from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.claims.beside import cells, counts, names
from sonify.paper.claims.outcomes import decided, intervals, outcomes, p_words, survivors, why_open
from sonify.paper.labels import DATASETS, VERDICTS, scale_label
from sonify.paper.published import PAPER_TABLES
from sonify.reporting.accounting import clip_accounts, corpora, runtime
from sonify.reporting.listening import RULE, Pair, level, wav
from sonify.reporting.page.figures import Drawing
from sonify.reporting.page.templates import rendered
from sonify.reporting.spectrogram import RANGE_DB, spectrograms
from sonify.reporting.tables import display
from sonify.reporting.tables.curves_display import panels

FILES = (
    ("results/reporting/claims.parquet", "the claims above (also .md)"),
    ("results/reporting/tables/table_<name>.parquet", "the tables above (also .csv and .md)"),
    ("results/reporting/tables/figure_<number>.parquet", "Figures 4, 6 and 7 (also .csv and .md)"),
    ("results/evaluation/metrics.parquet", "scores of every model and seed: Tables A.1 to A.6"),
    ("results/evaluation/layer_importance.parquet", "Figure 4: scores by layers retained"),
    ("results/evaluation/evolution.parquet", "Figure 5: sonifications at every kept checkpoint"),
    ("results/evaluation/removal.parquet", "Figure 6: metrics after removal, by layer and seed"),
    ("results/evaluation/coherence.parquet", "Figure 7: coherence of every clip, layer and model"),
    ("results/evaluation/coherence_by_filter.parquet", "Figure 7, right: peaks of every filter"),
    ("results/evaluation/invariance.parquet", "Figure B.3: agreement for every shift and layer"),
    ("results/sonification/<model>/top_activations.parquet", "clips that excite each filter most"),
    ("results/sonification/<model>/left_out.parquet", "clips that are not mined, and why"),
    ("results/sonification/<model>/sonifications.parquet", "every sonification, 16-bit at 8 kHz"),
    ("results/data/<corpus>/manifest.parquet", "every clip used; rejected.parquet: the others"),
    ("results/data/<corpus>/attrition.parquet", "clips listed, obtained and used, by class"),
    ("results/models/<model>/history.parquet", "loss, learning rate and score by epoch"),
    ("results/models/<model>/step_history.parquet", "loss and learning rate by step"),
)
_REGIMES = ("supervised", "contrastive")


@dataclass(frozen=True)
class Content:
    """The content of the page; every table keeps its contract.

    settings: scale, setting, and listen with its layers. paper_tables: frames of contract table.
    claims, beside: of contracts claims and claims_beside.
    figures: by name, from `figures.drawings`. curves: the numbers of figures, a frame of contract
    curves for each. pairs: what to listen to. activity: from
    `listening.activity`. jobs: one row a benchmarked job, from `accounting.jobs`.
    """

    settings: dict
    paper_tables: list[pd.DataFrame]
    claims: pd.DataFrame
    beside: pd.DataFrame
    figures: dict[str, Drawing]
    pairs: list[Pair]
    activity: pd.DataFrame
    attrition: pd.DataFrame
    manifest: pd.DataFrame
    rejected: pd.DataFrame
    curves: list[pd.DataFrame] = field(default_factory=list)
    jobs: pd.DataFrame = field(default_factory=pd.DataFrame)


def page(content: Content) -> str:
    """Return the page as HTML that needs no other file and no network.

    Text from tables is escaped. Raises SonifyError for an unknown scale.
    """
    return rendered("page.html.jinja", context(content))


def context(content: Content, residual: bool = False) -> dict:
    """Return everything that the templates show, by the names they use.

    With `residual`, residuals can be played too. Raises SonifyError for an unknown scale.
    """
    scale, accounts = content.settings["scale"], (content.attrition, content.manifest)
    return {
        "scale": scale,
        "scale_words": scale_label(scale),
        "setting": content.settings["setting"],
        "datasets": DATASETS,
        "claims": _claims(content.claims, content.beside),
        "others": names(content.beside),
        "counts": list(counts(content.claims, content.beside)) if len(content.claims) else [],
        "decided": decided(content.claims),
        "outcomes": list(outcomes(content.claims)),
        "survivors": survivors(content.claims),
        "intervals": display.INTERVALS,
        "tables": [_table(frame) for frame in content.paper_tables],
        "figures": content.figures,
        "panels": {frame["figure"].iloc[0]: panels(frame) for frame in content.curves},
        "rule": RULE,
        "range_db": round(RANGE_DB),
        "layers": _layers(content, residual),
        "corpora": corpora(content.manifest),
        "clips": clip_accounts(*accounts, content.rejected).to_dict("records"),
        "rules": _rules(content.jobs),
        "files": FILES,
    }


def _claims(claims: pd.DataFrame, beside: pd.DataFrame) -> list[dict]:
    further = cells(claims, beside)
    values = [plus_minus(*pair) for pair in claims[["mean", "ci95"]].to_numpy(float)]
    known = claims[["authors_mean", "authors_ci95"]].to_numpy(float)
    theirs = ["" if math.isnan(mean) else plus_minus(mean, ci95) for mean, ci95 in known]
    shown = claims.assign(
        value=values,
        authors_value=theirs,
        others=[further[claim] for claim in claims["claim"]],
        why=[why_open(row) for row in claims.itertuples()],
        intervals=[intervals(row) for row in claims.itertuples()],
        p_value=claims["p"].map(p_words),
        p_adjusted=claims["p_holm"].map(p_words),
        order=claims["verdict"].map(VERDICTS.index),
    )
    return shown.sort_values(["order", "claim"]).to_dict("records")


def _table(frame: pd.DataFrame) -> dict:
    name = frame["table"].iloc[0]
    paper = PAPER_TABLES[name]
    return {
        "name": name,
        "title": paper.title,
        "remark": paper.remark,
        "conditions": display.conditions(frame),
        "heads": display.heads(frame),
        "lines": display.lines(frame),
    }


def _layers(content: Content, residual: bool) -> list[dict]:
    """Return the layers to listen to, a column for each model, supervised models first."""
    models = sorted(
        {(p.regime, p.model) for p in content.pairs},
        key=lambda m: (_REGIMES.index(m[0]) if m[0] in _REGIMES else len(_REGIMES), m[1]),
    )
    counts = content.activity.set_index(["model", "layer"])
    layers = []
    for layer in content.settings["listen"]["layers"]:
        columns = []
        for regime, model in models:
            shown = [p for p in content.pairs if p.model == model and p.layer == layer]
            known = (model, layer) in counts.index
            column = {
                "regime": regime,
                "model": model,
                "cards": [_card(p, residual) for p in shown],
                "counts": counts.loc[(model, layer)].to_dict() if known else None,
            }
            columns.append(column)
        layers.append({"layer": layer, "columns": columns})
    return layers


def _card(pair: Pair, residual: bool) -> dict:
    sounds = {"input": pair.x, "sonification": pair.s}
    if residual:
        sounds["residual"] = pair.x - pair.s
    pictures, loudness = spectrograms(*sounds.values()), level(pair.x, pair.s)
    waves = {name: wav(loudness * x) for name, x in sounds.items()}
    return {
        "filter": pair.filter,
        "rank": pair.rank,
        "repeated": pair.repeated,
        "clip_id": pair.clip_id,
        "labels": pair.labels,
        "activation": f"{pair.activation:.3g}",
        "seconds": f"{len(pair.x) / RATE_HZ:.1f}",
        "credits": _credits(pair),
        "sounds": [
            {"name": name, "wav": sound, "png": png}
            for (name, sound), png in zip(waves.items(), pictures, strict=True)
        ],
    }


def _credits(pair: Pair) -> list[dict]:
    """Return the known credits of a clip: name, text, and whether the text is a web address."""
    given = {"recorded by": pair.uploader, "licence": pair.licence, "source": pair.source_url}
    return [
        {"name": name, "text": text, "link": text.startswith(("https://", "http://"))}
        for name, text in given.items()
        if text
    ]


def _rules(jobs: pd.DataFrame) -> list[dict]:
    return runtime(jobs).to_dict("records") if len(jobs) else []
