"""The numbers of the paper's tables A.1 to A.6, as data: what we are measured against.

The text we have of the paper lost the layout of A.1, A.3 and A.5; the `remark` of a table says what
of it is certain.
"""

import math
from typing import NamedTuple

AUGMENTATIONS = ("background_snr_db", "gain_db", "noise_amplitude", "time_mask")


class Model(NamedTuple):
    """A model of the paper by what it is, so that runs are matched whatever they are called.

    pretraining is none, contrastive or supervised (on AudioSet); finetune is none, fconly or full.
    augmentation and temperature are those of a contrastive pretraining, and mean nothing otherwise.
    """

    pretraining: str
    finetune: str
    architecture: str = "CNN12"
    augmentation: tuple[str, ...] = AUGMENTATIONS
    temperature: float = 0.1


class Line(NamedTuple):
    """One line of a table: means over runs and half-widths of their 95% intervals by metric.

    A half-width is NaN where the paper gives none, and so is a mean that the paper leaves out.
    Accuracies are shares in [0, 1]. model is None for a published baseline that the paper quotes.
    """

    system: str
    model: Model | None
    values: dict[str, tuple[float, float]]


class PaperTable(NamedTuple):
    """One table: what it is called, the clips it is measured on, its metrics and lines.

    trained_on is what its models were trained on last: balanced (AudioSet's balanced_train alone),
    audioset, fsd50k or speech_commands. others: whether our models of that kind which the paper
    lacks are listed after its lines.
    """

    title: str
    dataset: str
    split: str
    trained_on: str
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    others: bool
    remark: str


_SCORES = ("mAP", "mAUC", "d_prime")
_SCRATCH = Model("none", "none")
_CONTRASTIVE = Model("contrastive", "fconly"), Model("contrastive", "full")
_SUPERVISED = Model("supervised", "fconly"), Model("supervised", "full")
_DOUBLED = tuple(model._replace(architecture="CNN12_x2") for model in _CONTRASTIVE)


def _line(system: str, model: Model | None, metrics: tuple[str, ...], *values: float) -> Line:
    """A line without intervals, in the order of `metrics`."""
    return Line(system, model, {m: (v, math.nan) for m, v in zip(metrics, values, strict=True)})


def _scores(model: Model, *values: tuple[float, float]) -> Line:
    """A line of Tables A.2 and A.4."""
    return Line(_name(model), model, dict(zip(_SCORES, values, strict=True)))


def _accuracy(model: Model, percent: float, half_width: float) -> Line:
    """A line of ours in Table A.6."""
    share = (round(percent / 100, 3), round(half_width / 100, 3))
    return Line(_name(model), model, {"accuracy": share})


def _name(model: Model) -> str:
    if model.finetune == "none":
        return f"{model.architecture} from scratch"
    tuned = {"fconly": "fc-only", "full": "full"}[model.finetune]
    return f"{model.architecture} {model.pretraining}, {tuned}"


def _setting(words: str, fconly: tuple, full: tuple, **facts) -> tuple[Line, Line]:
    """A line of Table A.1: one pretraining, finetuned in two ways."""
    return tuple(
        Line(f"{words}; {how}", model._replace(**facts), {"mAP": value})
        for how, model, value in zip(("fc-only", "full"), _CONTRASTIVE, (fconly, full), strict=True)
    )


A1 = PaperTable(
    title="Table A.1: contrastive pretraining, finetuned on AudioSet balanced train",
    dataset="audioset",
    split="eval",
    trained_on="balanced",
    metrics=("mAP",),
    lines=(
        *_setting("CNN12, random gain, τ 0.1", (0.112, 0.002), (0.203, 0.001),
                  augmentation=("gain_db",)),
        *_setting("CNN12, + Gaussian noise, τ 0.1", (0.142, 0.001), (0.210, 0.003),
                  augmentation=("gain_db", "noise_amplitude")),
        *_setting("CNN12, + time mask, τ 0.1", (0.142, 0.001), (0.211, 0.002),
                  augmentation=("gain_db", "noise_amplitude", "time_mask")),
        *_setting("CNN12, + random SNR (all), τ 0.1", (0.148, 0.003), (0.215, 0.001)),
        *_setting("CNN12, all, τ 0.2", (0.120, 0.001), (0.205, 0.002), temperature=0.2),
        *_setting("CNN12, all, τ 0.3", (0.105, 0.001), (0.200, 0.001), temperature=0.3),
        *_setting("CNN12_x2, all, τ 0.1", (0.151, 0.003), (0.217, 0.005),
                  architecture="CNN12_x2"),
    ),
    others=True,
    remark="The paper's lines are settings with two columns; here each is two lines. The order of "
    "the values is certain; that they belong to the settings in that order is read from the text.",
)  # fmt: skip

A2 = PaperTable(
    title="Table A.2: supervised learning on AudioSet",
    dataset="audioset",
    split="eval",
    trained_on="audioset",
    metrics=_SCORES,
    lines=(
        _scores(_SCRATCH, (0.299, 0.001), (0.954, 0.000), (2.378, 0.007)),
        _scores(_CONTRASTIVE[0], (0.197, 0.003), (0.918, 0.006), (1.966, 0.057)),
        _scores(_CONTRASTIVE[1], (0.327, 0.009), (0.958, 0.001), (2.436, 0.011)),
        _scores(_DOUBLED[1], (0.332, 0.005), (0.959, 0.001), (2.438, 0.020)),
    ),
    others=True,
    remark="",
)

A3 = PaperTable(
    title="Table A.3: AudioSet performance with comparable baselines",
    dataset="audioset",
    split="eval",
    trained_on="audioset",
    metrics=_SCORES,
    lines=(
        _line("80M parameters, 16 kHz, log-melspec", None, _SCORES, 0.431, 0.973, 2.732),
        _line("80M parameters, 8 kHz, log-melspec", None, _SCORES, 0.406, 0.970, 2.654),
        _line("80M parameters, 16 kHz, SincNet", None, _SCORES, math.nan, 0.970, 2.66),
        _line("80M parameters, 16 kHz, LEAF", None, _SCORES, math.nan, 0.974, 2.74),
        _line("80M parameters, 16 kHz, Wavegram", None, _SCORES, math.nan, 0.961, 2.5),
        _line("16 kHz, raw signal", None, _SCORES, 0.372, 0.968, 2.614),
        _line("CNN12 contrastive, full: 14M parameters, 8 kHz, raw signal", _CONTRASTIVE[1],
              _SCORES, 0.323, 0.957, 2.436),
        _line("CNN12_x2 contrastive, full: 53M parameters, 8 kHz, raw signal", _DOUBLED[1],
              _SCORES, 0.332, 0.959, 2.438),
    ),
    others=False,
    remark="The baselines' names are lost in the text we have; parameters, rates, features and "
    "values are certain (the first values are those published for CNN14 of Kong et al., 2020). The "
    "paper gives CNN12 0.327 and 0.958 in Table A.2, 0.323 and 0.957 here.",
)  # fmt: skip

A4 = PaperTable(
    title="Table A.4: FSD50K evaluation performance",
    dataset="fsd50k",
    split="eval",
    trained_on="fsd50k",
    metrics=_SCORES,
    lines=(
        _scores(_SCRATCH, (0.362, 0.006), (0.909, 0.001), (1.889, 0.010)),
        _scores(_CONTRASTIVE[0], (0.306, 0.007), (0.873, 0.003), (1.611, 0.024)),
        _scores(_CONTRASTIVE[1], (0.424, 0.004), (0.921, 0.001), (2.001, 0.006)),
        _scores(_SUPERVISED[0], (0.463, 0.002), (0.935, 0.001), (2.144, 0.015)),
        _scores(_SUPERVISED[1], (0.448, 0.004), (0.928, 0.003), (2.068, 0.028)),
        _scores(_DOUBLED[0], (0.307, 0.006), (0.869, 0.004), (1.584, 0.020)),
        _scores(_DOUBLED[1], (0.432, 0.003), (0.924, 0.001), (2.032, 0.004)),
    ),
    others=True,
    remark="",
)

_BOTH = ("mAP", "d_prime")
A5 = PaperTable(
    title="Table A.5: FSD50K performance with comparable baselines",
    dataset="fsd50k",
    split="eval",
    trained_on="fsd50k",
    metrics=_BOTH,
    lines=(
        _line("CRNN (Fonseca et al., 2020): 0.96M, log-melspec", None, _BOTH, 0.417, 2.068),
        _line("VGG-like (Fonseca et al., 2020): 0.27M, log-melspec", None, _BOTH, 0.434, 2.167),
        _line("ResNet-18 (Fonseca et al., 2020): 11.3M, log-melspec", None, _BOTH, 0.373, 1.883),
        _line("DenseNet-121 (Fonseca et al., 2020): 12.5M, log-melspec", None, _BOTH, 0.425, 2.112),
        _line("a fifth baseline, its name lost", None, _BOTH, 0.527, math.nan),
        _line("Large Transformer (Verma & Berger, 2021): 2.3M, 16 kHz, raw signal", None, _BOTH,
              0.537, math.nan),
        _line("CNN12 supervised, fc-only: 14M, 8 kHz, raw signal", _SUPERVISED[0], _BOTH,
              0.463, 2.144),
        _line("CNN12 contrastive, full: 14M, 8 kHz, raw signal", _CONTRASTIVE[1], _BOTH,
              0.424, 2.001),
    ),
    others=False,
    remark="M is millions of parameters; the log-melspec baselines are at 22.05 kHz. The fifth mAP "
    "(0.527) stands without a name in the text we have, all other lines are certain. The paper's "
    "“CNN12 (contrastive)” is the fully finetuned one: its values are that line's of Table A.4.",
)  # fmt: skip

A6 = PaperTable(
    title="Table A.6: Speech Commands v2 test accuracy",
    dataset="speech_commands",
    split="test",
    trained_on="speech_commands",
    metrics=("accuracy",),
    lines=(
        _line("EfficientNet-B0 (Saeed et al., 2021): 16 kHz, log-mel", None, ("accuracy",), 0.955),
        _line("EfficientNet-B0 (Zeghidour et al., 2021): 16 kHz, LEAF", None, ("accuracy",), 0.934),
        _accuracy(_SCRATCH, 92.3, 0.5),
        _accuracy(_SUPERVISED[0], 36.0, 1.4),
        _accuracy(_SUPERVISED[1], 92.9, 0.7),
        _accuracy(_CONTRASTIVE[0], 29.5, 0.6),
        _accuracy(_CONTRASTIVE[1], 93.4, 0.7),
    ),
    others=True,
    remark="Printed in percent as in the paper; stored as shares in [0, 1].",
)

PAPER_TABLES = {"A1": A1, "A2": A2, "A3": A3, "A4": A4, "A5": A5, "A6": A6}
