"""Hyperparameters of a training run (section 3.1, appendix A). No torch: the plan reads them."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from sonify.runtime.errors import SonifyError

Range = Annotated[
    tuple[float, float], Meta(description="Lowest and highest value, or null for off.")
]


@dataclass(frozen=True)
class Augmentation:
    """Augmentations of a crop and their strengths; None switches one off.

    Ranges are drawn from uniformly. noise_amplitude is the standard deviation of white noise;
    background_snr_db is of the crop over another clip of the batch that is mixed in. Raises
    SonifyError for a range that is not [lowest, highest].
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

    def __post_init__(self) -> None:
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
    crop_s: Annotated[float, Meta(ge=0.064, description="Seconds of a training crop.")]
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
    min_gap_s: Annotated[
        float, Meta(ge=0, description="Least time between the two contrastive crops.")
    ] = 0.0
    mixup_alpha: (
        Annotated[
            float,
            Meta(gt=0, description="Parameter of mixup's Beta distribution; null for none."),
        ]
        | None
    ) = None
    checkpoints: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="States kept for Figure 5: the initial weights and further ones, evenly "
            "spaced to the end; 0 for none.",
        ),
    ] = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        contrastive = self.objective == "contrastive"
        for name in ("temperature", "min_gap_s"):
            if getattr(self, name) and not contrastive:
                raise SonifyError(f"{name} is for the contrastive objective: remove it")
        if contrastive and self.temperature is None:
            raise SonifyError("temperature is missing, which contrastive training needs: add it")
        if contrastive and self.mixup_alpha is not None:
            raise SonifyError("mixup_alpha needs labels: remove it")
        if self.warmup_epochs >= self.epochs:
            raise SonifyError(
                f"warmup_epochs is {self.warmup_epochs:g}, but training ends after {self.epochs} "
                "epochs: lower it"
            )
        if self.checkpoints and not 2 <= self.checkpoints <= self.epochs + 1:
            raise SonifyError(
                f"checkpoints is {self.checkpoints}: it must be 0, or from 2 (the initial weights "
                f"and the last) to {self.epochs + 1} (every epoch's)"
            )

    @property
    def kept_epochs(self) -> tuple[int, ...]:
        """Epochs after which the weights are kept: 0, the initial ones, to the last, evenly spaced
        to half an epoch."""
        gaps = max(1, self.checkpoints - 1)
        return tuple(round(i * self.epochs / gaps) for i in range(self.checkpoints))


@dataclass(frozen=True)
class Recipe(Hyperparameters):
    """Hyperparameters of a job, with the buffer that its batches are drawn from (`data.stream`)."""

    shuffle_clips: int = 4096
