"""The configuration as types: each key with its unit, range and meaning, declared once.

Blocks are declared beside the code they configure, in modules without torch or pandas, and
assembled here. The JSON schema that checks a configuration is generated from these types.
"""

from dataclasses import dataclass, field, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from sonify.config.reporting import Reporting
from sonify.config.scatter import Scatter
from sonify.data.corpora.registry import DATASETS
from sonify.data.corpora.sources import Source
from sonify.data.synthesis.sizes import AudiosetSizes, Fsd50kSizes, SpeechCommandsSizes
from sonify.evaluation.option_types import DatasetName, RecipeName, RunName, RunNames, SeedCount
from sonify.models.architecture import Architecture
from sonify.plan.registry import STAGES
from sonify.sonification.settings import Mining, Precision, Rule
from sonify.training.recipe import Hyperparameters
from sonify.training.settings import Watcher

UNIQUE = {"uniqueItems": True}
Finetune = Literal["fconly", "full"]


@dataclass(frozen=True)
class Synthetic:
    """Sizes of the synthesised corpora."""

    audioset: AudiosetSizes
    fsd50k: Fsd50kSizes
    speech_commands: SpeechCommandsSizes


@dataclass(frozen=True, kw_only=True)
class _Data:
    """Corpora, and how they are prepared; a field for each dataset is added below."""

    min_samples: Annotated[
        int,
        Meta(
            ge=1,
            description="Shortest usable clip in samples at 8 kHz; every model must have a frame "
            "left of it.",
        ),
    ]
    max_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            description="Longest usable recording in seconds; with clips_per_part it bounds the "
            "sound that preparation holds.",
        ),
    ]
    clips_per_part: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="Clips per Parquet shard; preparation holds the sound of one, and the "
            "names and labels of all clips.",
        ),
    ]
    peak_scaling: Annotated[
        bool,
        Meta(
            description="Clips are scaled to unit peak (the text), or stay at the level of their "
            "files (the authors' code)."
        ),
    ] = True
    synthetic: Synthetic

    @property
    def sources(self) -> dict[str, Source]:
        """Sources of the datasets that are configured, by name."""
        named = {name: getattr(self, name) for name in DATASETS}
        return {name: source for name, source in named.items() if source is not None}


def _dataset_fields() -> list[tuple[str, Any, Any]]:
    """A field for every dataset; those that cannot be synthesised may be absent."""
    needed = [d for d in DATASETS.values() if "synthetic" in d.sources]
    others = [d for d in DATASETS.values() if d not in needed]
    return [
        *((d.name, d.options, field(kw_only=True)) for d in needed),
        *((d.name, d.options | None, field(default=None, kw_only=True)) for d in others),
    ]


if TYPE_CHECKING:
    Data = _Data
else:
    Data = make_dataclass("Data", _dataset_fields(), bases=(_Data,), frozen=True)


@dataclass(frozen=True, kw_only=True)
class RecipeOptions(Hyperparameters):
    """A block of `training.recipes`."""

    dataset: DatasetName
    splits: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Splits trained on.", extra_json_schema=UNIQUE),
    ]


@dataclass(frozen=True)
class RunOptions:
    """A block of `training.runs`: a recipe, and where it starts."""

    recipe: Annotated[str, Meta(description="Name of a recipe.")]
    architecture: (
        Annotated[
            str, Meta(description="Name of a model; for runs from scratch. Others inherit it.")
        ]
        | None
    ) = None
    start: Annotated[str, Meta(description="Run whose encoder this one starts from.")] | None = None
    finetune: (
        Annotated[
            Finetune,
            Meta(description="Train the classifier alone or everything; goes with start."),
        ]
        | None
    ) = None
    seeds: SeedCount | None = None


@dataclass(frozen=True)
class Finetuning:
    """A line of `training.finetuning`: runs that finetune others with one recipe."""

    recipe: Annotated[str, Meta(description="Name of a recipe.")]
    starts: RunNames
    finetune: Annotated[
        tuple[Finetune, ...],
        Meta(
            min_length=1,
            description="What is trained: the classifier alone, or everything.",
            extra_json_schema=UNIQUE,
        ),
    ]


@dataclass(frozen=True)
class Reader:
    """Block `training.reader`."""

    shuffle_clips: Annotated[
        int,
        Meta(
            ge=2,
            le=10_000_000,
            description="Clips whose crops wait in memory to be drawn at random.",
        ),
    ]


@dataclass(frozen=True)
class Training:
    """The training matrix."""

    seeds: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=2**31 - 1, description="Random seed of a run.")], ...],
        Meta(
            min_length=1,
            description="Every run is trained once per seed, unless it names fewer.",
            extra_json_schema=UNIQUE,
        ),
    ]
    reader: Reader
    recipes: Annotated[
        dict[RecipeName, RecipeOptions],
        Meta(min_length=1, description="Hyperparameters by name."),
    ]
    runs: Annotated[
        dict[RunName, RunOptions],
        Meta(min_length=1, description="What is trained, by name."),
    ]
    finetuning: Annotated[
        tuple[Finetuning, ...], Meta(description="Runs that finetune others with one recipe.")
    ]
    processes: Annotated[
        int, Meta(ge=1, le=64, description="Processes that share each training, but no probe.")
    ] = 1
    watch: Annotated[
        tuple[Watcher, ...],
        Meta(description="Tools that show trainings, offline.", extra_json_schema=UNIQUE),
    ] = ()


@dataclass(frozen=True)
class Sonification:
    """Mining and sonification."""

    runs: RunNames
    dataset: DatasetName
    split: Annotated[str, Meta(description="Split whose clips are mined.")]
    top: Annotated[
        int, Meta(ge=1, le=100, description="Maximally activating clips kept per filter.")
    ]
    mining: Mining
    method: Annotated[str, Meta(description="Explanation method that sonifies feature maps.")]
    precision: Precision
    rule: Rule


@dataclass(frozen=True)
class Sensitivity:
    """The alternative choices that Figures 6 and 7 are also drawn for."""

    rules: Annotated[
        tuple[Rule, ...],
        Meta(
            description="Rules for the most active map that are compared.",
            extra_json_schema=UNIQUE,
        ),
    ]
    rescale_residual: Annotated[
        tuple[bool, ...],
        Meta(
            description="Residuals as they are (false), or scaled back to the peak of x.",
            extra_json_schema=UNIQUE,
        ),
    ]
    seeds: SeedCount | None = None


@dataclass(frozen=True)
class Beyond:
    """Extent of the measurements that go beyond the paper."""

    seeds: SeedCount | None = None


@dataclass(frozen=True)
class Strided:
    """The two runs of the comparison of section 3.2."""

    pool: Annotated[str, Meta(description="A run whose encoder pools.")]
    strided: Annotated[
        str, Meta(description="The run with strided convolutions that it is compared with.")
    ]

    @property
    def by_downsampling(self) -> dict[str, str]:
        """The run of each kind of downsampling."""
        return {"pool": self.pool, "strided": self.strided}


@dataclass(frozen=True, kw_only=True)
class _Evaluation:
    """Evaluation; a field for each stage that has options is added below."""

    batch_s: Annotated[float, Meta(gt=0, description="Seconds of audio per batch of whole clips.")]
    sensitivity: Sensitivity
    strided: Strided
    beyond: Beyond

    if TYPE_CHECKING:

        def __getattr__(self, stage: str) -> Any:
            """Options of a stage, of the type that its module declares."""


if TYPE_CHECKING:
    Evaluation = _Evaluation
else:
    _options = [(s.name, s.options, field(kw_only=True)) for s in STAGES.values() if s.options]
    Evaluation = make_dataclass("Evaluation", _options, bases=(_Evaluation,), frozen=True)


@dataclass(frozen=True)
class Config:
    """A configuration that was checked; see config.yaml."""

    scale: Annotated[Literal["mini", "paper"], Meta(description="Label of every table and figure.")]
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        Meta(description="Where models run; auto takes the best there is."),
    ]
    threads: Annotated[int, Meta(ge=1, le=256, description="CPU threads of one job.")]
    scatter: Scatter
    data: Data
    models: Annotated[
        dict[RecipeName, Architecture],
        Meta(min_length=1, description="Encoders by name."),
    ]
    training: Training
    sonification: Sonification
    evaluation: Evaluation
    reporting: Reporting
