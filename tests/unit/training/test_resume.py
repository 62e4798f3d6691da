"""A training that was killed and started again is one that was not, bit for bit."""

import dataclasses
import itertools
import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import shallow
import soundfile
import torch
from deaths import Killed, Mortal, set_aside_for

from sonify.data.stored import stored
from sonify.evaluation.metrics.ranking import selection_score
from sonify.models import checkpoint
from sonify.runtime.errors import SonifyError
from sonify.training import loop, resume
from sonify.training.adam import Adam
from sonify.training.recipe import Augmentation, Recipe
from sonify.training.resume import Saver
from sonify.training.run import Trained, train_run
from sonify.training.settings import Run

SHAPE = dataclasses.replace(shallow.SHAPE, dropout=0.4)
LABELLED = Recipe(
    objective="multilabel",
    epochs=3,
    batch_size=3,
    crop_s=0.2,
    learning_rate=1e-2,
    weight_decay=1e-3,
    warmup_epochs=1,
    shuffle_clips=4,
    mixup_alpha=0.2,
    checkpoints=3,
    select="best_on_val",
    holdout=0.2,
    val_crop_s=0.2,
    augmentation=Augmentation(
        (-6, 6), (0.001, 0.01), 0.1, (5, 20), gain_probability=0.7, noise_probability=0.7
    ),
)
CONTRASTIVE = dataclasses.replace(
    LABELLED,
    **{"objective": "contrastive", "temperature": 0.1, "mixup_alpha": None, "crops_at_once": 4},
    **{"select": "last", "holdout": 0.0, "val_crop_s": None},
)
SCRATCH = Run("fsd50k-scratch", "fsd50k", "fsd50k", ("train",), "supervised", "none", None, "CNN12")
PRETRAINED = Run("contrastive", "c", "audioset", ("train",), "contrastive", "none", None, "CNN12")
RUNS = {"labelled": (SCRATCH, LABELLED), "contrastive": (PRETRAINED, CONTRASTIVE)}
STEPS = {"labelled": 12, "contrastive": 15}
STATE = "state.safetensors"
EXPECTED: dict[str, dict[str, bytes]] = {}  # made once: every test has the same clips


@pytest.fixture
def clips(make_clips, store):
    return store(make_clips([4_000, 3_600] * 8))


def trained(kind: str, clips, saver: Saver | None = None, **more) -> Trained:
    run, recipe = RUNS[kind]
    options = {"architecture": SHAPE, "score": selection_score, "saver": saver, **more}
    return train_run(run, 7, recipe, clips, **options)


def saved(done: Trained, folder: Path, saver: Saver) -> dict[str, bytes]:
    """Every byte that a training leaves."""
    done.save(folder, saver)
    assert not saver.folder.exists()
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture
def undisturbed(clips, tmp_path):
    def undisturbed(kind: str) -> dict[str, bytes]:
        if kind in EXPECTED:
            return EXPECTED[kind]
        folder = tmp_path / "undisturbed"
        saver = Saver(folder / "unfinished")
        without = trained(kind, clips)
        found = saved(trained(kind, clips, saver), folder, saver)
        assert {Path(name).name for name in found} == {
            *("model.safetensors", "model.json", "history.parquet", "step_history.parquet"),
            *("epoch-0000.safetensors", "epoch-0002.safetensors", "epoch-0003.safetensors"),
        }
        weights = checkpoint.load(folder)[0].state_dict()
        assert all(torch.equal(v, weights[k]) for k, v in without.model.state_dict().items())
        assert saver.written == 0, "no checkpoint is due in so short a time"
        EXPECTED[kind] = found
        return found

    return undisturbed


@pytest.mark.parametrize(
    ("kind", "deaths"),
    [("labelled", [(1, 1), (6, 1), (9, 4), (12, 1)]), ("contrastive", [(6, 1), (9, 4)])],
    ids=RUNS,
)
def test_killed_at_any_step_it_ends_as_if_it_had_not_been(
    clips, tmp_path, undisturbed, kind, deaths
):
    expected = undisturbed(kind)
    for dies, pause in deaths:
        folder = tmp_path / f"{dies}-{pause}"
        with pytest.raises(Killed):
            trained(kind, clips, Mortal(folder / "unfinished", dies=dies, pause=pause))
        torch.manual_seed(dies)  # what another process has
        again = Mortal(folder / "unfinished", pause=pause)
        assert saved(trained(kind, clips, again), folder, again) == expected, dies
        last = max((dies - 1) // pause * pause - 1, 0)  # step of the last checkpoint
        assert again.asked == STEPS[kind] - last, "nothing before it is done again"


@pytest.mark.parametrize("kind", RUNS)
def test_killed_over_and_over_and_while_it_writes_a_checkpoint(
    clips, tmp_path, undisturbed, monkeypatch, kind
):
    expected = undisturbed(kind)
    folder, whole, left = tmp_path / "again", Path.replace, [4, 1, 3]

    def torn(self: Path, target: Path) -> Path:
        """Die before a checkpoint takes its name, having written half of it."""
        if Path(target).name == STATE and left:
            left[0] -= 1
            if not left[0]:
                left.pop(0)
                os.truncate(self, self.stat().st_size // 2)
                raise Killed
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", torn)
    deaths = 0
    for dies in itertools.chain([4, 4, 4, 4, 4], itertools.repeat(0)):
        saver = Mortal(folder / "unfinished", dies=dies)
        try:
            done = trained(kind, clips, saver)
            break
        except Killed:
            deaths += 1
    assert deaths >= 5 and not left
    assert saved(done, folder, saver) == expected


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_killed_by_the_system_at_any_moment(clips, tmp_path, undisturbed):
    expected = undisturbed("labelled")
    folder, deaths = tmp_path / "killed", 0
    for moment in itertools.count(1):
        child = os.fork()
        if not child:
            saver = Saver(folder / "unfinished", every_s=0, share=1e9)
            trained("labelled", clips, saver).save(folder, saver)
            os._exit(0)
        time.sleep(0.03 * moment)
        os.kill(child, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
        deaths += 1
    found = {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    assert deaths and found == expected


def test_told_to_end_it_writes_a_checkpoint_and_goes_on_from_there(
    clips, tmp_path, undisturbed, capsys
):
    expected = undisturbed("contrastive")
    folder = tmp_path / "told"

    def tell(epoch: int, note: str) -> None:
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with Saver(folder / "unfinished") as saver, pytest.raises(SystemExit) as ended:
        trained("contrastive", clips, saver, progress=tell)
    assert ended.value.code == 143 and signal.getsignal(signal.SIGTERM) is before
    said = "ended by SIGTERM at step 10 of 15: the same command resumes from there\n"
    assert capsys.readouterr().err == said
    again = Mortal(folder / "unfinished", pause=100)
    assert saved(trained("contrastive", clips, again), folder, again) == expected
    assert again.asked == 5


def half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-100] ^= 4
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "which", "why"),
    [
        (half, STATE, ""),
        (flipped, STATE, "its digest is another"),
        (Path.unlink, "checkpoints/epoch-0002.safetensors", "No such file"),
        (flipped, "checkpoints/epoch-0002.safetensors", "epoch-0002.*is not as it was written"),
    ],
)
def test_a_damaged_checkpoint_is_set_aside(
    clips, tmp_path, undisturbed, capsys, damage, which, why
):
    expected = undisturbed("labelled")
    folder = tmp_path / "damaged"
    with pytest.raises(Killed):
        trained("labelled", clips, Mortal(folder / "unfinished", dies=11))
    (place,) = (folder / "unfinished").iterdir()
    damage(place / which)
    again = Mortal(folder / "unfinished", pause=100)
    done = trained("labelled", clips, again)
    said = capsys.readouterr().err
    assert said.startswith(f"{place / STATE} is damaged (")
    assert said.endswith(f"it is set aside as damaged-{STATE}, and the training starts over\n")
    assert re.search(why, said)
    assert (place / f"damaged-{STATE}").is_file() and again.asked == STEPS["labelled"]
    assert saved(done, folder, again) == expected


def test_a_checkpoint_of_something_else_is_set_aside_and_found_again(clips, tmp_path, capsys):
    folder = tmp_path / "unfinished"
    recipe = dataclasses.replace(LABELLED, learning_rate=2e-2)

    def died(code: str, recipe: Recipe, seen=clips) -> str:
        options = {"architecture": SHAPE, "score": selection_score}
        with pytest.raises(Killed):
            train_run(SCRATCH, 7, recipe, seen, saver=Mortal(folder, code, dies=5), **options)
        return capsys.readouterr().err

    assert died("a", LABELLED) == ""
    (place,) = folder.iterdir()
    aside = "it is set aside, to be resumed if these come back, and deleted once this job is"
    assert died("b", LABELLED).startswith(f"{place} was started with other code: {aside}")
    assert "other code and configuration: " in died("c", recipe)
    part = clips.groups[0].file
    dated = part.stat()
    os.utime(part, ns=(dated.st_atime_ns, dated.st_mtime_ns + 1))
    touched = stored(part.parents[1], ["eval"])
    assert f"{place} was started with other clips: {aside}" in died("a", LABELLED, touched)
    assert len(list(folder.iterdir())) == 4
    os.utime(part, ns=(dated.st_atime_ns, dated.st_mtime_ns))
    again = Mortal(folder, "a", pause=100)
    trained("labelled", clips, again)
    assert again.asked == STEPS["labelled"] - 3, "as it was left by the first"
    assert capsys.readouterr().err == ""


def test_a_checkpoint_of_other_backgrounds_weights_or_versions_is_set_aside(
    clips, tmp_path, capsys, monkeypatch
):
    noises, folder = tmp_path / "noises", tmp_path / "unfinished"
    noises.mkdir()
    soundfile.write(noises / "hum.wav", np.full(8_000, 0.1), 8_000)
    augmentation = Augmentation(background_snr_db=(5, 20), background_folder=str(noises))
    recipe = dataclasses.replace(LABELLED, augmentation=augmentation)
    pretrained = trained("contrastive", clips)
    part = clips.groups[0].file
    copy = shutil.copytree(part.parent, tmp_path / "validation" / part.parent.name)
    shutil.copy(part.parents[1] / "vocabulary.parquet", copy.parent)
    options = {"start": (pretrained.model, pretrained.card), "score": selection_score}
    options["val_clips"] = stored(copy.parent, [copy.name])

    def died() -> str:
        with pytest.raises(Killed):
            train_run(SCRATCH, 7, recipe, clips, saver=Mortal(folder, dies=5), **options)
        return set_aside_for(capsys.readouterr().err)

    assert died() == ""
    soundfile.write(noises / "hiss.wav", np.full(8_000, -0.1), 8_000)
    assert died() == "backgrounds"
    shutil.rmtree(folder)
    assert died() == ""
    with torch.no_grad():
        next(pretrained.model.encoder.parameters()).add_(1e-3)
    assert died() == "weights to start from"
    shutil.rmtree(folder)
    assert died() == ""
    monkeypatch.setattr(torch, "__version__", "3.0")
    assert died() == "torch or device"
    shutil.rmtree(folder)
    assert died() == ""
    os.utime(copy / part.name)
    options["val_clips"] = stored(copy.parent, [copy.name])
    assert died() == "clips"


def test_a_training_that_diverges_names_step_and_last_checkpoint(clips, tmp_path):
    recipe = dataclasses.replace(LABELLED, learning_rate=1e12, epochs=30, warmup_epochs=0)
    saver = Mortal(tmp_path, pause=1)
    options = {"architecture": SHAPE, "score": selection_score}
    with pytest.raises(SonifyError) as stopped:
        train_run(SCRATCH, 7, recipe, clips, saver=saver, **options)
    said = str(stopped.value)
    assert said.startswith("the loss is nan at step ") and saver.file.is_file()
    step = int(said.split("at step ")[1].split(",")[0])
    assert f", in epoch {(step - 1) // 4 + 1}: lower learning_rate (the last checkpoint" in said
    _, facts = resume._read(saver.file)
    assert facts["parts"]["training"]["step"] == step - 1


@pytest.mark.parametrize(("spoilt", "epoch"), [(5, 2), (12, 3)])
def test_no_checkpoint_and_no_model_has_weights_that_are_not_finite(
    clips, tmp_path, monkeypatch, spoilt, epoch
):
    """Though the loss before them was, as before the last step of all."""

    class Spoiling(Adam):
        def step(self, rate: float) -> None:
            super().step(rate)
            if int(self.steps[0]) == spoilt:
                self.parameters[0].data[0] = torch.inf

    monkeypatch.setattr(loop, "Adam", Spoiling)
    saver = Mortal(tmp_path, pause=1)
    with pytest.raises(SonifyError) as stopped:
        trained("labelled", clips, saver)
    assert str(stopped.value) == (
        f"weights are not finite after step {spoilt}, in epoch {epoch}: lower learning_rate (the "
        f"last checkpoint before that is {saver.file})"
    )
    tensors, facts = resume._read(saver.file)
    assert facts["parts"]["training"]["step"] == spoilt - 1
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_checkpoints_are_written_as_often_as_they_are_cheap(tmp_path):
    now = [0.0]
    saver = Saver(tmp_path, every_s=10, share=0.01, clock=lambda: now[0])
    saver.begin({})
    seen = []
    for now[0] in np.arange(0, 400, 1.0):
        if saver.due:
            seen.append(now[0])
            saver._last, saver._cost_s = now[0], 0.5
    assert seen == [10, 60, 110, 160, 210, 260, 310, 360]
