"""A training in several processes is the training in one, which is the oracle here."""

import dataclasses
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import msgspec
import pytest
import shallow
import torch
import torch.distributed
from checkouts import ROOT
from deaths import Killed, Mortal

from sonify.evaluation.metrics.ranking import selection_score
from sonify.models import checkpoint
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.training import loop, run
from sonify.training.adam import Adam
from sonify.training.ranks import ALONE, Ranks
from sonify.training.recipe import Augmentation, Recipe
from sonify.training.run import Trained, train_run
from sonify.training.settings import Run, TrainingSettings
from sonify.training.together import check, joined, together

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

CPU = torch.device("cpu")
SHAPE = dataclasses.replace(shallow.SHAPE, dropout=0.4)
MULTILABEL = Recipe(
    objective="multilabel",
    epochs=3,
    batch_size=7,
    crop_s=0.2,
    learning_rate=1e-3,
    weight_decay=1e-3,
    warmup_epochs=1,
    shuffle_clips=9,
    mixup_alpha=0.2,
    checkpoints=2,
    select="best_on_val",
    holdout=0.15,
    val_crop_s=0.2,
    augmentation=Augmentation(
        (-6, 6), (0.001, 0.01), 0.1, (5, 20), gain_probability=0.7, noise_probability=0.7
    ),
)
MULTICLASS = dataclasses.replace(
    MULTILABEL, objective="multiclass", select="last", holdout=0.0, mixup_targets="batch_mean"
)
CONTRASTIVE = dataclasses.replace(
    MULTICLASS, objective="contrastive", temperature=0.1, mixup_alpha=None, mixup_targets="clip"
)
WITHIN = dataclasses.replace(CONTRASTIVE, batch_size=8, negatives_within=2)
IN_PARTS = dataclasses.replace(CONTRASTIVE, crops_at_once=3)
HALF = dataclasses.replace(IN_PARTS, precision="bfloat16")
RECIPES = {
    "contrastive": CONTRASTIVE,
    "within groups": WITHIN,
    "in parts": IN_PARTS,
    "multilabel": MULTILABEL,
    "multiclass": MULTICLASS,
}
SCRATCH = Run("fsd50k-scratch", "fsd50k", "fsd50k", ("train",), "supervised", "none", None, "CNN12")
PRETRAINED = Run("contrastive", "c", "audioset", ("train",), "contrastive", "none", None, "CNN12")
FCONLY = dataclasses.replace(SCRATCH, name="f", finetune="fconly", start="contrastive")
GRADIENTS: list[list[torch.Tensor]] = []  # of every step of the training in this process


class Noted(Adam):
    """Notes what it is given."""

    def step(self, rate: float) -> None:
        GRADIENTS.append([p.grad.clone() for p in self.parameters])
        super().step(rate)


@pytest.fixture
def exact(monkeypatch):
    """Networks compute in float64: Adam divides small gradients by their own size, and with them
    what rounding has made of them."""

    def build(card) -> SoundModel:
        model = checkpoint.build(card).double()
        model.register_forward_pre_hook(lambda _, given: (given[0].double(),))
        return model

    monkeypatch.setattr(run, "build", build)
    monkeypatch.setattr(loop, "Adam", Noted)


@pytest.fixture
def clips(make_clips, store):
    clips = make_clips([4_000, 3_600] * 8)
    clips.targets[:] = torch.eye(4, dtype=torch.uint8).repeat(4, 1).numpy()  # one label each
    return store(clips)


def trained(recipe: Recipe, clips, **more) -> Trained:
    GRADIENTS.clear()
    which = PRETRAINED if recipe.objective == "contrastive" else SCRATCH
    options = {"architecture": SHAPE, "score": selection_score, **more}
    return train_run(which, 7, recipe, clips, **options)


def forked(count: int, folder: Path, train, ends: int = 0) -> list[dict]:
    """What each of `count` ranks, forks of this process, has once it has trained."""
    folder.mkdir()
    children = []
    for rank in range(count):
        child = os.fork()
        if not child:
            try:
                with joined(Ranks(rank, count), folder, CPU) as ranks:
                    done = train(ranks)
                    found = {"weights": done.model.state_dict(), "gradients": GRADIENTS}
                    losses = torch.from_numpy(done.history["loss"].to_numpy(copy=True))
                    facts = {"losses": losses, "selection": done.card.selection}
                    torch.save(found | facts, folder / f"{rank}.pt")
                os._exit(0)
            except Killed:
                os._exit(9)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes[0] == ends, codes
    assert ends or not any(codes), codes
    return [torch.load(folder / f"{rank}.pt") for rank in range(count)] if not ends else []


def assert_near(found: dict, expected: Trained, gradients: list, bound: float = 1e-6) -> None:
    near = {"rtol": 0, "atol": bound}
    weights = expected.model.state_dict()
    assert weights.keys() == found["weights"].keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(found["weights"][name], tensor, **near)
    losses = torch.from_numpy(expected.history["loss"].to_numpy(copy=True))
    torch.testing.assert_close(found["losses"], losses, **near)
    assert len(found["gradients"]) == len(gradients) > 0
    for step in zip(found["gradients"], gradients, strict=True):
        for one, other in zip(*step, strict=True):
            torch.testing.assert_close(one, other, **near)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("kind", RECIPES)
def test_ranks_have_the_loss_gradients_and_weights_of_one_process(
    clips, tmp_path, exact, kind, count
):
    """Batches of 7 and 8 clips divide by 2 or not, and never by 3; groups lie across ranks."""
    recipe = RECIPES[kind]
    alone = trained(recipe, clips)
    gradients = list(GRADIENTS)
    ranks = forked(count, tmp_path / "ranks", lambda ranks: trained(recipe, clips, ranks=ranks))
    first, *others = ranks
    assert_near(first, alone, gradients)
    assert first["selection"] == alone.card.selection
    for other in others:
        for one, two in zip(first["gradients"][-1], other["gradients"][-1], strict=True):
            assert torch.equal(one, two), "ranks must not drift apart"


def test_the_training_of_a_classifier_alone_is_shared_too(clips, tmp_path, exact):
    start = trained(CONTRASTIVE, clips)

    def classifier(ranks: Ranks) -> Trained:
        GRADIENTS.clear()
        how = {"start": (start.model, start.card), "ranks": ranks}
        return train_run(FCONLY, 7, MULTICLASS, clips, **how)

    alone, gradients = classifier(ALONE), list(GRADIENTS)
    assert_near(forked(2, tmp_path / "classifier", classifier)[0], alone, gradients)


def test_half_precision_is_shared_too(clips, tmp_path):
    half = trained(HALF, clips)
    (found, _) = forked(2, tmp_path / "half", lambda ranks: trained(HALF, clips, ranks=ranks))
    losses = torch.from_numpy(half.history["loss"].to_numpy(copy=True))
    torch.testing.assert_close(found["losses"], losses, rtol=0.02, atol=0)


@pytest.mark.parametrize("kind", ["contrastive", "multilabel"])
def test_a_shared_training_that_was_killed_goes_on_with_any_number_of_ranks(
    clips, tmp_path, exact, kind
):
    """Killed in step 5 of 6 or 9, two ranks go on to the same bits; another number to within
    rounding. The first rank alone has a checkpoint."""

    def shared(folder: str, dies: int = 0, pause: int = 2):
        def train(ranks: Ranks) -> Trained:
            own = Mortal(tmp_path / folder, dies=dies, pause=pause)
            saver = own if ranks.first else Mortal(tmp_path / "of others")
            done = trained(RECIPES[kind], clips, saver=saver, ranks=ranks)
            assert not ranks.first or dies or saver.asked == done.history["step"].iloc[-1] - 3
            return done

        return train

    undisturbed, _ = forked(
        2, tmp_path / "undisturbed", lambda ranks: trained(RECIPES[kind], clips, ranks=ranks)
    )
    for count in (2, 3, 1):
        unfinished = f"unfinished-{count}"
        forked(2, tmp_path / f"killed-{count}", shared(unfinished, dies=5), ends=9)
        torch.manual_seed(count)  # what another process has
        found, *_ = forked(count, tmp_path / f"again-{count}", shared(unfinished, pause=100))
        for name, tensor in undisturbed["weights"].items():
            near = {"rtol": 0, "atol": 0 if count == 2 else 1e-6}
            torch.testing.assert_close(found["weights"][name], tensor, **near)
        assert found["losses"].shape == undisturbed["losses"].shape
        assert found["selection"] == undisturbed["selection"]
    assert not (tmp_path / "of others").exists()


def test_more_ranks_than_there_is_room_for_are_refused(clips, monkeypatch):
    with pytest.raises(SonifyError, match="training.processes is 8, but a batch has 7 clips: low"):
        trained(MULTICLASS, clips, ranks=Ranks(0, 8))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(SonifyError, match="training.processes is 3, but there are 2 GPUs: lower"):
        check(3, torch.device("cuda"))
    check(2, torch.device("cuda"))
    check(64, CPU)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a rank was started"))
    with pytest.raises(SonifyError, match="there are 2 GPUs"), together(3, torch.device("cuda")):
        pass
    with pytest.raises(SonifyError, match="training.processes is 2, but PyTorch has one GPU here"):
        check(2, torch.device("mps"))


def test_one_process_connects_to_nothing(clips):
    assert not torch.distributed.is_initialized()
    trained(CONTRASTIVE, clips)
    assert not torch.distributed.is_initialized()


RANK = """
import os, signal, sys, time
if sys.argv[1] == "importing" and "SONIFY_RANK" in os.environ:
    raise ImportError("libtorch_cpu.so: failed to map segment from shared object")
import torch
from sonify.runtime.errors import SonifyError
from sonify.runtime.jobs import run
from sonify.training import together

def end():
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[1] == "sentence":
        raise SonifyError("part-00003.parquet is damaged: prepare it again")
    if sys.argv[1] == "bug":
        raise ZeroDivisionError("a bug")

def main():
    second = os.environ.get(together.VARIABLE, "").startswith("1 ")
    if second and sys.argv[1] == "unborn":
        os._exit(7)
    together.GRACE_S = 1.0
    with together.together(int(sys.argv[2]), torch.device("cpu")) as ranks:
        with open(sys.argv[3], "a") as file:
            print(os.getpid(), file=file)
        torch.distributed.barrier()
        if second:
            end()
        if sys.argv[1] == "first killed" and ranks.first:
            os.kill(os.getpid(), signal.SIGKILL)
        while True:
            torch.distributed.barrier()

run(main)
"""


@pytest.mark.parametrize(
    ("how", "count", "said"),
    [
        (
            "killed",
            3,
            "error: process 2 of 3 of this training was ended by SIGKILL, perhaps for lack of "
            "memory: the same command goes on from its checkpoint\n",
        ),
        (
            "sentence",
            3,
            "error: part-00003.parquet is damaged: prepare it again (process 2 of 3 of this "
            "training)\n",
        ),
        (
            "importing",
            2,
            "error: out of memory: libtorch_cpu.so: failed to map segment from shared object: give "
            "the job more memory (mem_mb on a cluster), or run fewer jobs at once or smaller "
            "batches (process 2 of 2 of this training)\n",
        ),
        pytest.param(
            "unborn",
            2,
            "error: process 2 of 2 of this training failed with status 7\n",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["killed", "sentence", "importing", "unborn"],
)
def test_a_rank_that_dies_ends_all_with_one_sentence(tmp_path, how, count, said):
    done, ranks = job(tmp_path, how, count)
    assert (done.stderr, done.stdout, done.returncode) == (said, "", 1)
    gone(ranks)


@pytest.mark.slow
def test_a_bug_keeps_its_traceback_and_ranks_end_with_the_first(tmp_path):
    done, ranks = job(tmp_path, "bug", 2)
    assert "Traceback" in done.stderr and done.returncode == 1
    assert done.stderr.endswith(
        "error: process 2 of 2 of this training failed: ZeroDivisionError: a bug\n"
    )
    gone(ranks)
    done, ranks = job(tmp_path, "first killed", 2)
    assert done.returncode == -9 and len(ranks) == 2
    gone(ranks)


def test_a_job_is_shared_told_to_end_and_goes_on(clips, tmp_path):
    """By its script: the second process is started, ended and heard of by the first alone. In
    float32: see `exact`."""
    of_eval = dataclasses.replace(SCRATCH, splits=("eval",))
    settings = TrainingSettings(run=of_eval, recipe=MULTILABEL, architecture=SHAPE, device="cpu")
    command = [
        *(sys.executable, str(ROOT / "workflow" / "scripts" / "train.py"), "--seed", "7"),
        *("--settings", msgspec.json.encode(settings).decode(), "--data", str(tmp_path)),
        *("--threads", "2", "--processes", "2", "--work", str(tmp_path / "unfinished")),
        *("--out", str(tmp_path / "out")),
    ]
    meetings = tmp_path / "meetings"
    meetings.mkdir()
    piped = {"stderr": subprocess.PIPE, "text": True, "env": os.environ | {"TMPDIR": str(meetings)}}
    with subprocess.Popen(command, **piped) as told:
        while not list(meetings.iterdir()):
            assert told.poll() is None, told.stderr.read()
            time.sleep(0.01)
        told.terminate()
        said = told.communicate()[1]
    assert told.returncode == 143, said
    assert said == "ended by SIGTERM at step 0 of 6: the same command resumes from there\n"
    assert not (tmp_path / "out").exists() and not list(meetings.iterdir())
    done = subprocess.run(command, check=False, **piped)
    assert done.returncode == 0, done.stderr
    last = done.stderr.splitlines()[-1]  # before it, perhaps, how far the job was
    assert last.startswith("train fsd50k-scratch-s7: 14 clips, 6 steps, loss "), done.stderr
    model, card = checkpoint.load(tmp_path / "out")
    alone = trained(MULTILABEL, clips)
    assert card.selection == alone.card.selection
    for name, tensor in alone.model.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=0, atol=1e-4)


def job(folder: Path, how: str, count: int) -> tuple[subprocess.CompletedProcess, list[int]]:
    """A job of so many ranks, the second of which ends in some way, and the processes it had."""
    script, file = folder / "rank.py", folder / f"{how}.txt"
    started = [sys.executable, str(ROOT / "workflow" / "launch.py")]
    script.write_text(RANK)
    file.touch()
    done = subprocess.run(
        [*started, str(script), how, str(count), str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done, [int(line) for line in file.read_text().split()]


def gone(processes: list[int]) -> None:
    """Wait for the end of processes that were not ours to wait for."""
    end = time.monotonic() + 30
    for process in processes:
        while alive(process):
            assert time.monotonic() < end, "ranks outlive the first"
            time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
