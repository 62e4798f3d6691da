"""Hyperparameters of a training run (section 3.1, appendix A). No torch: the plan reads them."""

import itertools
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from sonify.runtime.errors import SonifyError

Range = Annotated[
    tuple[float, float], Meta(description="Lowest and highest value, or null for off.")
]
Probability = Annotated[
    float, Meta(gt=0, le=1, description="Probability that a crop gets it, each on its own.")
]
STRENGTHS = ("gain_db", "noise_amplitude", "time_mask", "background_snr_db")


@dataclass(frozen=True)
class Augmentation:
    """Augmentations of a crop and their strengths; None switches one off.

    Ranges are drawn from uniformly. noise_amplitude is the standard deviation of white noise;
    background_snr_db is of the crop over the background, another clip of the batch or a recording
    out of `background_folder`, by the formula `background_mixing` (see `training.augment`). Raises
    SonifyError for a range that is not [lowest, highest], or more masks than there can be.
    """

    gain_db: Range | None = None
    noise_amplitude: Range | None = None
    time_mask: (
        Annotated[
            float,
            Meta(ge=0, lt=1, description="Largest fraction of a crop that is silenced."),
        ]
        | None
    ) = None
    background_snr_db: Range | None = None
    gain_probability: Probability = 1.0
    noise_probability: Probability = 1.0
    background_probability: Probability = 1.0
    background_mixing: Annotated[
        Literal["power_ratio", "convex"],
        Meta(
            description="power_ratio: at a true signal-to-noise ratio; convex: the authors' "
            "formula, which measures no level."
        ),
    ] = "power_ratio"
    background_folder: (
        Annotated[
            str,
            Meta(description="Folder of recordings for backgrounds; null: clips of the batch."),
        ]
        | None
    ) = None
    background: Annotated[
        Literal["first", "after_noise"],
        Meta(description="Whether the background comes first, or after gain and noise."),
    ] = "first"
    limit_peak: Annotated[
        bool,
        Meta(description="Crops louder than full scale are brought to it, before the time mask."),
    ] = False
    time_masks: Annotated[
        tuple[int, int],
        Meta(description="Fewest and most stretches silenced; they may overlap."),
    ] = (1, 1)

    @property
    def used(self) -> tuple[str, ...]:
        """The augmentations that are on, by the names of their strengths, sorted."""
        return tuple(sorted(name for name in STRENGTHS if getattr(self, name) is not None))

    def __post_init__(self) -> None:
        object.__setattr__(self, "time_masks", tuple(self.time_masks))
        if not 1 <= self.time_masks[0] <= self.time_masks[-1] or len(self.time_masks) != 2:
            raise SonifyError(
                f"augmentation.time_masks is {list(self.time_masks)}: it must be [fewest, most], "
                "from 1 on"
            )
        for name in ("gain_db", "noise_amplitude", "background_snr_db"):
            value = getattr(self, name)
            if value is None:
                continue
            if len(value) != 2 or value[0] > value[1]:
                raise SonifyError(
                    f"augmentation.{name} is [{', '.join(f'{v:g}' for v in value)}]: it must be "
                    "[lowest, highest]"
                )
            object.__setattr__(self, name, tuple(value))
        if self.time_mask is not None and not 0 <= self.time_mask < 1:
            raise SonifyError(f"augmentation.time_mask is {self.time_mask}: it must be in [0, 1)")


@dataclass(frozen=True)
class Hyperparameters:
    """Objective, duration, crops and optimisation of a training.

    Clips shorter than `crop_s` are repeated to length. Raises SonifyError for values that
    contradict each other; its message begins with the name of the field.
    """

    objective: Annotated[
        Literal["contrastive", "multilabel", "multiclass"],
        Meta(description="NT-Xent, binary cross-entropy or categorical cross-entropy."),
    ]
    epochs: Annotated[int, Meta(ge=1, description="Passes over the clips.")]
    batch_size: Annotated[int, Meta(ge=2, description="Clips per step.")]
    crop_s: Annotated[float, Meta(gt=0, description="Seconds of a training crop.")]
    learning_rate: Annotated[float, Meta(gt=0, description="Peak learning rate of Adam.")]
    weight_decay: Annotated[float, Meta(ge=0, description="L2 penalty inside Adam.")]
    warmup_epochs: Annotated[float, Meta(ge=0, description="Passes of linear warm-up.")]
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Meta(
            description="Arithmetic of forward and backward passes; auto is bfloat16 where the "
            "processor has it."
        ),
    ] = "float32"
    fconly_learning_rate: (
        Annotated[
            float,
            Meta(
                gt=0,
                description="Peak learning rate where the classifier alone is trained; null for "
                "learning_rate.",
            ),
        ]
        | None
    ) = None
    crops_at_once: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="Most crops (a contrastive batch has two a clip) that go through the "
                "network together, which bounds memory; null for all. Without effect where the "
                "encoder is frozen.",
            ),
        ]
        | None
    ) = None
    temperature: (
        Annotated[float, Meta(gt=0, description="tau of NT-Xent; contrastive only.")] | None
    ) = None
    negatives_within: (
        Annotated[
            int,
            Meta(
                ge=2,
                description="Clips of a batch that are each other's negatives; the loss is the "
                "mean over such groups. null: the whole batch.",
            ),
        ]
        | None
    ) = None
    min_gap_s: Annotated[
        float, Meta(ge=0, description="Least time between the two contrastive crops.")
    ] = 0.0
    placement: Annotated[
        Literal["uniform", "first_half"],
        Meta(
            description="Of the two contrastive crops: all places alike, or the earlier one within "
            "the first half of the clip and the later one anywhere behind it."
        ),
    ] = "uniform"
    mixup_alpha: (
        Annotated[
            float,
            Meta(gt=0, description="Parameter of mixup's Beta distribution; null for none."),
        ]
        | None
    ) = None
    mixup_targets: Annotated[
        Literal["clip", "batch_mean"],
        Meta(
            description="Weights of mixed targets: each clip's own, or their mean over the batch, "
            "as two losses that are means over the batch have it."
        ),
    ] = "clip"
    checkpoints: Annotated[
        Annotated[int, Meta(ge=0, le=1000)] | tuple[Annotated[int, Meta(ge=0)], ...],
        Meta(
            description="States kept for Figure 5: how many, the initial weights and further ones, "
            "evenly spaced to the end, 0 for none; or after which epochs, where 0 is the initial "
            "weights.",
        ),
    ] = 0
    select: Annotated[
        Literal["last", "best_on_val"],
        Meta(
            description="Which state of the training is the model: that after the last epoch, or "
            "the best by mAP (accuracy for one label a clip) on val_split or the hold-out."
        ),
    ] = "last"
    val_split: (
        Annotated[str, Meta(description="Split validated on; null: the hold-out.")] | None
    ) = None
    val_crop_s: (
        Annotated[
            float,
            Meta(
                gt=0, description="Seconds of the crop from a clip's centre that is validated on."
            ),
        ]
        | None
    ) = None
    holdout: Annotated[
        float,
        Meta(
            ge=0,
            lt=1,
            description="Fraction of the training clips, drawn by seed, that is not trained on.",
        ),
    ] = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        contrastive = self.objective == "contrastive"
        for name in ("temperature", "negatives_within", "min_gap_s"):
            if getattr(self, name) and not contrastive:
                raise SonifyError(f"{name} is for the contrastive objective: remove it")
        if self.placement != "uniform" and not contrastive:
            raise SonifyError("placement is for the contrastive objective: remove it")
        if self.negatives_within and self.batch_size % self.negatives_within:
            raise SonifyError(
                f"negatives_within is {self.negatives_within}, which does not divide batch_size "
                f"{self.batch_size}: change one of them"
            )
        if contrastive and self.temperature is None:
            raise SonifyError("temperature is missing, which contrastive training needs: add it")
        if contrastive and self.mixup_alpha is not None:
            raise SonifyError("mixup_alpha needs labels: remove it")
        if self.select == "best_on_val":
            if contrastive:
                raise SonifyError("select best_on_val needs labels: set it to last")
            if (self.val_split is None) == (self.holdout == 0) or self.val_crop_s is None:
                raise SonifyError(
                    "select is best_on_val, which needs val_crop_s and either a val_split or a "
                    "holdout above 0: set these"
                )
        if self.warmup_epochs >= self.epochs:
            raise SonifyError(
                f"warmup_epochs is {self.warmup_epochs:g}, but training ends after {self.epochs} "
                "epochs: lower it"
            )
        self._check_checkpoints()

    def _check_checkpoints(self) -> None:
        if isinstance(self.checkpoints, int):
            if self.checkpoints and not 2 <= self.checkpoints <= self.epochs + 1:
                raise SonifyError(
                    f"checkpoints is {self.checkpoints}: it must be 0, or from 2 (the initial "
                    f"weights and the last) to {self.epochs + 1} (every epoch's)"
                )
            return
        named = list(self.checkpoints)
        rising = all(a < b for a, b in itertools.pairwise(named))
        if len(named) < 2 or not rising or not 0 <= named[0] <= named[-1] <= self.epochs:
            raise SonifyError(
                f"checkpoints is {named}: it must be at least two different epochs in rising "
                f"order, from 0 (the initial weights) to {self.epochs} (the last)"
            )

    @property
    def validated_split(self) -> str | None:
        """The split that the training reads to select its best state, if it does."""
        return self.val_split if self.select == "best_on_val" else None

    @property
    def needed_s(self) -> float:
        """Seconds of the shortest clip that the crops can be cut from, if none is repeated."""
        if self.objective != "contrastive":
            return self.crop_s
        gaps = 2 if self.placement == "first_half" else 1
        return 2 * self.crop_s + gaps * self.min_gap_s

    @property
    def kept_epochs(self) -> tuple[int, ...]:
        """Epochs after which the weights are kept: those named, or from 0, the initial ones, to the
        last, evenly spaced to half an epoch."""
        if not isinstance(self.checkpoints, int):
            return tuple(self.checkpoints)
        gaps = max(1, self.checkpoints - 1)
        return tuple(round(i * self.epochs / gaps) for i in range(self.checkpoints))


@dataclass(frozen=True)
class Recipe(Hyperparameters):
    """Hyperparameters of a job, with the buffer that its batches are drawn from (`data.stream`)."""

    shuffle_clips: int = 4096
