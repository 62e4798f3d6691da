"""What a training run is told: the hyperparameters of one recipe in config.yaml."""

from dataclasses import dataclass, field, fields

from sonify.runtime.errors import SonifyError
from sonify.training.augment import Augmentation

OBJECTIVES = ("contrastive", "multilabel", "multiclass")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a run (section 3.1, appendix A).

    Times in seconds, `epochs` and `warmup_epochs` in passes over the clips; clips shorter than
    `crop_s` are repeated to length. A batch is drawn from `shuffle_clips` clips (see
    `data.stream`). `temperature` and `min_gap_s` belong to the contrastive objective,
    `mixup_alpha` to the others (None: no mixup). `precision` is of forward and backward passes;
    "auto" is what the device is best at (`models.device.pick_precision`). `crops_at_once`, two a
    clip if contrastive, go through the network together, see `loop.outputs` (None: all; a frozen
    encoder takes all). So many `checkpoints` are kept on the way, see `kept_epochs`.
    """

    objective: str
    epochs: int
    batch_size: int
    crop_s: float
    learning_rate: float
    weight_decay: float
    warmup_epochs: float
    shuffle_clips: int
    precision: str = "float32"
    crops_at_once: int | None = None
    temperature: float | None = None
    min_gap_s: float = 0.0
    mixup_alpha: float | None = None
    checkpoints: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise SonifyError(f"objective is {self.objective!r}: it must be one of {OBJECTIVES}")
        if self.precision not in PRECISIONS:
            raise SonifyError(f"precision is {self.precision!r}: it must be one of {PRECISIONS}")
        if self.crops_at_once is not None and self.crops_at_once < 1:
            raise SonifyError(
                f"crops_at_once is {self.crops_at_once}: it must be 1 or more, or null"
            )
        if self.warmup_epochs >= self.epochs:
            raise SonifyError(
                f"warmup_epochs is {self.warmup_epochs}, epochs {self.epochs}: "
                "the warm-up must end before training does"
            )
        if (self.objective == "contrastive") != (self.temperature is not None):
            raise SonifyError("temperature belongs to the contrastive objective and to no other")
        if self.checkpoints and not 2 <= self.checkpoints <= self.epochs + 1:
            raise SonifyError(
                f"checkpoints is {self.checkpoints}, epochs {self.epochs}: it must be 0, or from 2 "
                f"(the initial and the final weights) to {self.epochs + 1} (those of every epoch)"
            )

    @property
    def kept_epochs(self) -> tuple[int, ...]:
        """Epochs after which the weights are kept: 0, the initial ones, to the last, evenly spaced
        to half an epoch."""
        gaps = max(1, self.checkpoints - 1)
        return tuple(round(i * self.epochs / gaps) for i in range(self.checkpoints))


def recipe_from(settings: dict) -> Recipe:
    """The recipe spelled by a `training.recipes` block of the config, joined by `training.reader`.

    Keys that say what to train on (dataset, splits) are not the recipe's and are passed over.
    """
    known = {f.name for f in fields(Recipe)}
    values = {k: v for k, v in settings.items() if k in known}
    values["augmentation"] = Augmentation(**(settings.get("augmentation") or {}))
    return Recipe(**values)
