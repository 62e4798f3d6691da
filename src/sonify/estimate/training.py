"""The work of trainings and probes: steps from clips and batches, arithmetic from the network."""

from dataclasses import dataclass, replace

from sonify.contracts.audio_format import RATE_HZ
from sonify.estimate import network
from sonify.estimate.clips import Clips, clips, several
from sonify.estimate.network import Cost
from sonify.estimate.work import Kind, Work, run
from sonify.models.architecture import Architecture
from sonify.plan.plan import Plan, Probe
from sonify.training.recipe import Recipe

MAP_BYTES = {"float32": 12, "bfloat16": 6.4}  # of a value kept for the way back, its pool included
# 6.4: batches of 512 and of 4,096 crops, benchmarks/results/batches_cuda.md; 12: float32 beside it.


@dataclass(frozen=True)
class Step:
    """One step of training: `crops` crops of `samples` samples through the first `layers` layers.

    `outputs` are those of each head, one head for every layer in `heads`, or one at the end if
    there are none; `heads` are layers of probes. frozen: the encoder is not trained.
    """

    architecture: Architecture
    samples: int
    clips: int
    outputs: int
    contrastive: bool = False
    frozen: bool = False
    at_once: int | None = None
    negatives_within: int | None = None
    heads: tuple[int, ...] = ()

    @property
    def kind(self) -> Kind:
        """Return what kind of run through the network it is."""
        return "frozen" if self.frozen else "train"

    @property
    def crops(self) -> int:
        """Crops that go through the network."""
        return self.clips * (2 if self.contrastive else 1)

    @property
    def in_parts(self) -> bool:
        """Tell whether feature maps are made a second time on the way back."""
        return not self.frozen and self.at_once is not None and self.crops > self.at_once

    @property
    def cost(self) -> Cost:
        """Arithmetic and feature maps of the step: forward, and back to weights and inputs."""
        if self.frozen:
            return (self._encoder + self._head * 2) * self.crops
        first = network.layers(self.architecture, self.samples)[0]
        whole = (self._encoder + self._head) * 3
        if self.in_parts:  # all but the very last layer, whose output nothing needs
            whole += self._encoder + self._head * (0.5 if self.contrastive else 0)
        return (whole - Cost(first.flops)) * self.crops + self._similarity * 3

    @property
    def work(self) -> Work:
        """The work of one step."""
        return run(self.kind, 1, self.cost)

    @property
    def kept_values(self) -> float:
        """Values of feature maps that are in memory together."""
        together = min(self.crops, self.at_once or self.crops)
        if self.frozen:
            maps = network.layers(self.architecture, self.samples)
            return together * 2 * max(layer.values for layer in maps)
        return together * self._encoder.values + self._similarity.values

    @property
    def _deepest(self) -> int:
        return min(max(self.heads, default=self.architecture.whole), self.architecture.n_layers)

    @property
    def _encoder(self) -> Cost:
        blocks = network.forward(self.architecture, self.samples, self._deepest)
        whole = not self.heads or self.architecture.whole in self.heads
        return blocks + network.features(self.architecture) if whole else blocks

    @property
    def _head(self) -> Cost:
        if self.contrastive:
            return network.projection(self.architecture)
        if not self.heads:
            return network.classifier(self.architecture, self.outputs)
        widths = (*self.architecture.filters, self.architecture.features)
        each = (network.linear(widths[layer - 1], self.outputs) for layer in self.heads)
        return sum(each, Cost())

    @property
    def _similarity(self) -> Cost:
        """All pairs of a contrastive batch, or of each group of it."""
        if not self.contrastive:
            return Cost()
        within = self.negatives_within
        groups = self.clips // within if within and self.clips >= 2 * within else 1
        views = 2 * self.clips / groups
        features = self.architecture.features
        return Cost(2 * views * views * features, views * views) * groups


@dataclass(frozen=True)
class Training:
    """A training: its step, how many there are in an epoch, and the clips validated on."""

    recipe: Recipe
    step: Step
    steps: int
    validated: Clips | None = None

    @property
    def work(self) -> Work:
        """The work of all steps, and of validating after every epoch."""
        done = self.step.work * (self.steps * self.recipe.epochs)
        if self.validated:
            done += scoring(self.step.architecture, self.validated) * self.recipe.epochs
        return done


def training(plan: Plan, model: str) -> Training:
    """Return the training of a model."""
    run_ = plan.run_of(model)
    recipe, architecture = plan.recipe(run_.recipe), plan.architecture(run_.name)
    known = several(plan.config, run_.dataset, run_.splits)
    used = round(known.number * (1 - recipe.holdout))
    held = None
    if recipe.select == "best_on_val":
        split = recipe.validated_split
        held = clips(plan.config, run_.dataset, split) if split else known
        held = held.cropped(recipe.val_crop_s)
        if not split:
            held = replace(held, number=known.number - used)
    step = _step(architecture, recipe, used, known.classes, run_.finetune == "fconly")
    return Training(recipe, step, used // step.clips, held)


def probings(plan: Plan, probe: Probe) -> list[Training]:
    """Return the trainings of a job of probes: one for all layers if frozen, else one for each."""
    if probe.finetuned:
        return []
    recipe, architecture = plan.recipe(probe.run.recipe), plan.architecture(start(probe))
    known = several(plan.config, probe.run.dataset, probe.run.splits)
    frozen = probe.run.finetune == "fconly"
    together = [probe.layers] if frozen else [(layer,) for layer in probe.layers]
    steps = (
        _step(architecture, recipe, known.number, known.classes, frozen, heads)
        for heads in together
    )
    return [Training(recipe, step, known.number // step.clips) for step in steps]


def scoring(architecture: Architecture, some: Clips, max_samples: float = 64 * RATE_HZ) -> Work:
    """Return the work of a forward pass over clips."""
    cost = network.forward(architecture, some.samples) + network.features(architecture)
    return run("forward", some.batches(max_samples), cost * some.number)


def start(probe: Probe) -> str:
    """Return the run whose encoder a probe begins with."""
    assert probe.run.start is not None  # a probe starts from a run
    return probe.run.start


def _step(
    architecture: Architecture,
    recipe: Recipe,
    used: int,
    classes: int,
    frozen: bool,
    heads: tuple[int, ...] = (),
) -> Step:
    return Step(
        architecture=architecture,
        samples=round(recipe.crop_s * RATE_HZ),
        clips=min(recipe.batch_size, used),
        outputs=classes,
        contrastive=recipe.objective == "contrastive",
        frozen=frozen,
        at_once=recipe.crops_at_once,
        negatives_within=recipe.negatives_within,
        heads=heads,
    )
