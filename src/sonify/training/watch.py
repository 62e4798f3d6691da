"""Trainings watched by TensorBoard or Weights & Biases, both optional; no result depends on it.

Light: the Snakefile asks whether they are there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonify.runtime.errors import SonifyError

if TYPE_CHECKING:
    from sonify.training.loop import Epoch

FOLDER = Path("results/watch")
# Called after each epoch, with its score if the recipe validates.
Watch = Callable[["Epoch", float | None], None]


def check_installed(tools: Sequence[str]) -> None:
    """Raise SonifyError naming the first of `tools`, names in training.watch, that is missing."""
    for tool in tools:
        if find_spec(tool) is None:
            raise SonifyError(
                f"training.watch names {tool}, which is not installed: pip install {tool}, or "
                "leave it out"
            )


@contextmanager
def watching(tools: Sequence[str], model: str, folder: Path = FOLDER) -> Iterator[Watch]:
    """Show the training of a model in each of `tools`, with files in <folder>/<tool>/<model>.

    After each epoch, loss and learning_rate of its steps are written, and val_score at its last. A
    training that goes on from a checkpoint goes on there too, in Weights & Biases as a further run
    of the same name. Raises SonifyError for a tool that is not installed, or does not load.
    """
    check_installed(tools)
    with ExitStack() as opened:
        shown = [opened.enter_context(_TOOLS[tool](folder / tool / model, model)) for tool in tools]

        def watch(epoch: "Epoch", score: float | None) -> None:
            rows = _rows(epoch, score) if shown else []
            for show in shown:
                show(rows)

        yield watch


Rows = list[tuple[int, dict[str, float]]]  # a step, and the values at it


def _rows(epoch: "Epoch", score: float | None) -> Rows:
    first = epoch.step - epoch.step // epoch.epoch
    losses, rates = epoch.losses[first:].tolist(), epoch.rates[first:].tolist()
    pairs = enumerate(zip(losses, rates, strict=True), first + 1)
    rows = [(step, {"loss": loss, "learning_rate": rate}) for step, (loss, rate) in pairs]
    if score is not None:
        rows[-1][1]["val_score"] = score
    return rows


def _imported(module: str, tool: str) -> Any:
    """Import a module of a tool; SonifyError if the tool is installed in part."""
    try:
        return import_module(module)
    except ImportError as error:
        raise SonifyError(
            f"training.watch names {tool}, which does not load here ({error}): pip install {tool} "
            "anew, or leave it out"
        ) from error


@contextmanager
def _tensorboard(folder: Path, model: str) -> Iterator[Callable[[Rows], None]]:
    made = _imported("torch.utils.tensorboard", "tensorboard").SummaryWriter
    writers: list[Any] = []

    def show(rows: Rows) -> None:
        if not writers:  # what an earlier training wrote of these steps is void
            writers.append(made(str(folder), purge_step=rows[0][0]))
        for step, values in rows:
            for name, value in values.items():
                writers[0].add_scalar(name, value, step)
        writers[0].flush()

    try:
        yield show
    finally:
        for writer in writers:
            writer.close()


@contextmanager
def _wandb(folder: Path, model: str) -> Iterator[Callable[[Rows], None]]:
    wandb = _imported("wandb", "wandb")
    folder.mkdir(parents=True, exist_ok=True)
    named = {"project": "sonify", "name": model, "dir": str(folder)}
    run = wandb.init(mode="offline", **named)

    def show(rows: Rows) -> None:
        for step, values in rows:
            run.log(values, step=step)

    try:
        yield show
    finally:
        run.finish()


_TOOLS = {"tensorboard": _tensorboard, "wandb": _wandb}
