"""A training setting of the paper: what its tables report and its claims compare."""

from dataclasses import dataclass, replace

from sonify.paper.labels import DATASETS, finetuned_label
from sonify.paper.run_facts import Runs

# In the order in which Table A.1 adds them.
AUGMENTATIONS = ("gain_db", "noise_amplitude", "time_mask", "background_snr_db")


@dataclass(frozen=True)
class PaperSetting:
    """A training of the paper by what it is; the defaults are the paper's main setting.

    dataset is what it was trained on last (of AudioSet only balanced_train if balanced). finetune
    is fconly or full after a pretraining on the whole of AudioSet, of the given regime; none for a
    training in one go. temperature and augmentation distinguish contrastive pretrainings and mean
    nothing otherwise.
    """

    dataset: str
    regime: str
    finetune: str = "none"
    balanced: bool = False
    architecture: str = "CNN12"
    temperature: float = 0.1
    augmentation: tuple[str, ...] = AUGMENTATIONS

    def matches(self, run: str, runs: Runs) -> bool:
        """Return whether `run`, one of `runs`, is this setting, whatever it is called."""
        facts = runs[run]
        model = (facts.regime, facts.finetune, facts.architecture, facts.downsampling)
        if (facts.dataset, facts.balanced) != (self.dataset, self.balanced):
            return False
        if model != (self.regime, self.finetune, self.architecture, "pool"):
            return False
        augmentation = set(facts.augmentation)
        if self.regime == "contrastive" and (
            (facts.temperature, augmentation) != (self.temperature, set(self.augmentation))
        ):
            return False
        if self.finetune == "none" or facts.start is None:
            return self.finetune == "none" and facts.start is None
        first = replace(self, dataset="audioset", finetune="none", balanced=False)
        return facts.objective != "contrastive" and first.matches(facts.start, runs)

    @property
    def pretraining(self) -> str:
        """The regime of the pretraining, or none for a training in one go."""
        return "none" if self.finetune == "none" else self.regime

    @property
    def label(self) -> str:
        """The model as tables name it: `CNN12 contrastive, fc-only`; `CNN12 from scratch`."""
        return f"{self.architecture} {finetuned_label(self.pretraining, self.finetune)}"

    def __str__(self) -> str:
        name = f"{DATASETS[self.dataset]}{' balanced' if self.balanced else ''}, "
        contrastive = (self.regime, self.finetune) == ("contrastive", "none")
        name += "contrastive" if contrastive else finetuned_label(self.regime, self.finetune)
        main = PaperSetting(self.dataset, self.regime)
        if self.architecture != main.architecture:
            name += f", {self.architecture}"
        if self.temperature != main.temperature:
            name += f", τ {self.temperature:g}"
        if self.augmentation != main.augmentation:
            name += f", {len(self.augmentation)} of {len(AUGMENTATIONS)} augmentations"
        return name


SUPERVISED = PaperSetting("audioset", "supervised")
CONTRASTIVE = PaperSetting("audioset", "contrastive")
