"""What the workflow plans and refuses before any job runs."""

import re
import shutil
from collections import Counter
from importlib.util import find_spec

import pytest
import yaml
from checkouts import Workflow, fresh_checkout, jobs_listed

from sonify.data.corpora.registry import DATASETS
from sonify.plan.registry import STAGES

SYNTHETIC = [name for name, d in DATASETS.items() if "synthetic" in d.sources]


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory, snakemake) -> str:
    """What a dry run prints where nothing was changed and nothing made."""
    folder = tmp_path_factory.mktemp("plan")
    workflow = Workflow(folder, fresh_checkout(tmp_path_factory.mktemp("checkout")), snakemake)
    return workflow("--dry-run")


def test_the_plan_holds_the_whole_matrix(dry_run):
    jobs = jobs_listed(dry_run)
    assert jobs["train"] == 38 and jobs["synthesise"] == 3
    assert jobs["score"] == 30 and jobs["removal"] == 4 and jobs["layer_importance"] == 8
    assert jobs["mine"] == jobs["render"] == jobs["filters"] == jobs["coherence_by_filter"] == 2
    assert jobs["coherence"] == jobs["invariance"] == 3 and jobs["evolution"] == 1
    assert jobs["gather"] == 10 and jobs["table"] == 6 and jobs["claims"] == jobs["all"] == 1


def test_the_paper_is_planned_whole(workflow):
    """Three seeds of everything, and a job for each network of Figure 4 that is trained whole."""
    jobs = workflow.planned("--configfile", str(workflow.checkout / "workflow/configs/paper.yaml"))
    assert jobs["train"] == 3 * 38 and jobs["score"] == 3 * 30
    # Eleven networks of each full curve, the fc-only curves, and the finetuned models beside both.
    assert jobs["layer_importance"] == 3 * (2 * 2 * 11 + 2 * 2 + 2 * 2 * 2)
    assert jobs["coherence"] == jobs["invariance"] == 3 * 3 and jobs["removal"] == 3 * 4
    assert jobs["download_audioset"] == jobs["download_fsd50k"] == 1
    as_run = [str(workflow.checkout / f"workflow/configs/{n}.yaml") for n in ("paper", "authors")]
    assert workflow.planned("--configfile", *as_run) == jobs, "other values, the same matrix"


def test_a_costly_run_may_have_fewer_seeds_and_what_starts_from_it_has_these(workflow):
    workflow.overlay({"training": {"seeds": [0, 1, 2], "runs": {"contrastive_x2": {"seeds": 1}}}})
    printed = workflow("--dry-run", "--quiet", "host")
    jobs = jobs_listed(printed)
    assert jobs["train"] == 3 * 38 - 2 * 6 and jobs["score"] == 3 * 30 - 2 * 5
    assert jobs["layer_importance"] == 3 * 8 and jobs["mine"] == 3 * 2
    trained = set(re.findall(r"results/models/(\S*contrastive_x2\S*)/model.json", printed))
    runs = ["contrastive_x2", "audioset-contrastive_x2-full"]
    for recipe in ("balanced", "fsd50k"):
        runs += [f"{recipe}-contrastive_x2-{finetune}" for finetune in ("fconly", "full")]
    assert trained == {f"{run}-s0" for run in runs}


def test_what_shows_trainings_is_handed_to_them_and_is_nothing_that_results_are_made_of(workflow):
    one = "results/models/speech_commands-scratch-s0/model.safetensors"

    def command() -> str:
        printed = workflow("--dry-run", "--quiet", "host", "--printshellcmds", "--", one)
        (line,) = [line for line in printed.splitlines() if " train.py " in line]
        return line

    plain = command()
    workflow.overlay({"training": {"watch": ["tensorboard", "wandb"]}})
    assert "--watch  --out" in plain
    assert command() == plain.replace("--watch  --out", "--watch tensorboard wandb --out")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": "cuda"}, "device is 'cuda', which this machine, or its build of PyTorch, "),
        ({"training": {"watch": ["wandb"]}}, "training.watch names wandb, which is not installed"),
        ({"training": {"processes": 3}}, "training.processes is 3 with 1 thread each, which are 3"),
    ],
    ids=["GPU", "tool", "processes"],
)
def test_what_this_machine_lacks_is_said_before_anything_is_made(workflow, settings, said):
    if "device" in settings and shutil.which("nvidia-smi"):
        pytest.skip("this machine has a GPU")
    if said.endswith("not installed") and find_spec("wandb"):
        pytest.skip("this environment has wandb")
    workflow.overlay(settings)
    printed = workflow("results/models/contrastive-s0/model.json", "--cores", "2", fails=True)
    assert f"\nerror: {said}" in f"\n{printed}" and "Traceback" not in printed
    assert not list(workflow.folder.glob("results/data/*"))


def test_each_seed_is_synthesised_prepared_and_read_apart(workflow, dry_run):
    """Three corpora for each seed; a local one serves all."""
    once = jobs_listed(dry_run)
    workflow.overlay({"training": {"seeds": [0, 4]}})
    planned = workflow("--dry-run", "--quiet", "host", "--printshellcmds")
    twice = jobs_listed(planned)
    for rule in ("synthesise", "prepare_audioset", "prepare_fsd50k", "prepare_speech_commands"):
        assert twice[rule] == 2 * once[rule] > 0, rule
    assert twice["train"] == 2 * 38 and twice["pairs"] == once["pairs"] == 1
    one = ["results/models/speech_commands-scratch-s4/model.safetensors"]
    printed = workflow("--dry-run", "--quiet", "host", "--printshellcmds", "--", *one)
    assert jobs_listed(printed) == {"synthesise": 1, "prepare_speech_commands": 1, "train": 1}
    assert "--dataset speech_commands --seed 4 " in printed
    assert "--data results/data/speech_commands-s4 " in printed
    made = [f"results/data/{d}-s{s}" for d in SYNTHETIC for s in (0, 4)]
    assert f"--data {' '.join(made)} --settings" in planned


def test_every_stage_is_a_target(workflow):
    stages = ["data", "training", "sonification", "evaluation", "reporting"]
    jobs = workflow.planned(*stages)
    assert {stage: jobs[stage] for stage in stages} == dict.fromkeys(stages, 1)
    assert set(workflow.planned("data")) < set(jobs), "one alone needs less"


def test_a_typo_stops_the_workflow_with_one_sentence(workflow):
    printed = workflow("--dry-run", "--config", "sonifcation={}", fails=True)
    assert "unknown key 'sonifcation' in the top level: did you mean 'sonification'?" in printed
    assert "Traceback" not in printed


def test_a_local_path_that_lacks_a_file_stops_the_workflow(workflow, tmp_path):
    corpus = tmp_path / "FSD50K"
    for folder in ("FSD50K.dev_audio", "FSD50K.eval_audio", "FSD50K.ground_truth"):
        (corpus / folder).mkdir(parents=True)
    (corpus / "FSD50K.ground_truth" / "dev.csv").touch()
    (corpus / "FSD50K.ground_truth" / "vocabulary.csv").touch()
    workflow.overlay({"data": {"fsd50k": {"source": "local", "path": str(corpus)}}})
    printed = workflow("--dry-run", fails=True)
    assert "which lacks FSD50K.ground_truth/eval.csv: point it at" in printed
    nowhere = {"source": "local", "path": str(tmp_path / "nowhere")}
    workflow.overlay({"data": {"fsd50k": nowhere}})
    assert "which is not a directory: correct it" in workflow("--dry-run", fails=True)


def test_lint_is_clean(workflow):
    assert "Congratulations" in workflow("--lint")


def test_a_failing_job_says_why_in_one_sentence(workflow, tmp_path):
    corpus = tmp_path / "speech"
    corpus.mkdir()
    (corpus / "validation_list.txt").write_text("yes/a_nohash_0.wav\n")
    (corpus / "testing_list.txt").touch()
    workflow.overlay({"data": {"speech_commands": {"source": "local", "path": str(corpus)}}})
    printed = workflow("results/data/speech_commands/manifest.parquet", fails=True)
    assert "error: " in printed and "Traceback" not in printed


def asked(workflow, *arguments: str) -> dict[str, dict[str, str]]:
    """The resources of some job of each rule, by rule."""
    printed = workflow("all", "beyond", "--dry-run", "--quiet", "host", *arguments)
    found = re.findall(r"^rule (\w+):.*?    resources: (.*?)$", printed, re.M | re.S)
    return {rule: dict(re.findall(r"(\w+)=(\S+?)(?:,|$)", words)) for rule, words in found}


def test_only_jobs_that_run_models_ask_a_cluster_for_a_gpu_and_only_for_one_that_is_used(workflow):
    models = {"train", "mine", "render", *STAGES}
    resources = asked(workflow, "--config", "device=cuda")
    assert {rule for rule, has in resources.items() if has.get("gpu") == "1"} == models
    resources = asked(workflow, "--config", "device=cpu")
    assert not [rule for rule, has in resources.items() if has.get("gpu", "0") != "0"]
    for rule in (*models, "synthesise", "prepare_fsd50k"):
        assert int(resources[rule]["mem_mb"]) >= 1_000 and int(resources[rule]["runtime"]) >= 60
    assert "runtime" not in resources["gather"], "small jobs ask for what the profile says"


def test_a_placeholder_in_a_profile_is_refused_at_once(workflow):
    blank = ("--default-resources", "slurm_account=<account>")
    printed = workflow("--dry-run", *blank, fails=True)
    assert "the profile has slurm_account: <account>: write your cluster's own value" in printed
    assert "Traceback" not in printed
    printed = workflow("--dry-run", "--set-resources", "train:slurm_partition=<gpus>", fails=True)
    assert "the profile has slurm_partition: <gpus>: write" in printed


def test_the_slurm_profile_needs_nothing_filled_in(workflow):
    profile = yaml.safe_load((workflow.checkout / "profiles/slurm/config.yaml").read_text())
    assert profile["executor"] == "slurm" and "set-resources" not in profile
    assert profile["default-resources"] == {"mem_mb": "4000 * attempt", "runtime": 60}
    given = [f"{name}={value}" for name, value in profile["default-resources"].items()]
    small = asked(workflow, "--default-resources", *given)["gather"]
    assert small["mem_mb"] == "4000" and small["runtime"] == "60"


def test_a_shared_training_asks_for_as_many_threads_and_gpus_as_it_has_processes(workflow):
    made = ["--dry-run", "--quiet", "host", "--printshellcmds", "--cores", "8"]
    made += ["--resources", "gpu=8", "--config", "device=cuda", "threads=2"]
    made += ["--", "results/models/contrastive-s0/model.json"]
    for processes in (1, 3):
        workflow.overlay({"training": {"processes": processes}})
        (job,) = re.findall(r"^rule train:.*?--out", workflow(*made), re.M | re.S)
        assert f" threads: {2 * processes}\n" in job and f" gpu={processes}," in job, job
        assert f" --threads {2 * processes} --processes {processes} --work " in job


def test_what_is_measured_is_shared_among_as_many_jobs_as_asked_for(workflow):
    workflow.overlay({"scatter": {"measuring": 3}})
    names = ["sonification/contrastive-s0/sonifications", "evaluation/filters/contrastive-s0"]
    names += ["evaluation/coherence/contrastive-s0", "evaluation/metrics/supervised-s0"]
    made = ["--", *(f"results/{name}.parquet" for name in names)]
    printed = workflow("--dry-run", "--quiet", "host", "--config", "device=cuda", *made)
    jobs = re.findall(r"^rule (\w+):.*?    resources: (.*?)$", printed, re.M | re.S)
    rules = Counter(rule for rule, _ in jobs)
    resources = {rule: dict(re.findall(r"(\w+)=(\S+?)(?:,|$)", words)) for rule, words in jobs}
    for rule in ("mine", "render", "filters", "coherence", "score"):
        assert rules[rule] == 1 and rules[f"{rule}_share"] == 3
        of, whole = resources[f"{rule}_share"], resources[rule]
        assert of["gpu"] == "1" and of["mem_mb"] == whole["mem_mb"]
        assert int(of["runtime"]) == int(whole["runtime"]) / 3 == 40
    assert rules["train"] == 2 and rules.total() == 2 + 5 * 4 + 2, "and audioset"


def test_a_corpus_is_prepared_by_as_many_jobs_as_asked_for(workflow):
    made = ["--", "results/data/audioset-s0/manifest.parquet"]
    alone = workflow.planned(*made)
    workflow.overlay({"scatter": {"preparing": 4}})
    assert workflow.planned(*made) == alone | {"prepare_audioset_share": 4}
    resources = asked(workflow)["prepare_audioset_share"]
    assert resources["mem_mb"] == "2000" and resources["runtime"] == "30"


def test_own_recordings_are_a_dataset_like_any_other(workflow, dry_run, tmp_path):
    """Prepared, trained on, scored, mined and measured; without the block there is no trace."""
    assert "folder" not in dry_run
    clips = tmp_path / "mine"
    clips.mkdir()
    (clips / "clips.csv").write_text("path,split,labels\na.wav,train,dog\n")
    recipe = {"base": "fsd50k", "dataset": "folder", "splits": ["train", "val"]}
    changes = {
        "data": {"folder": {"source": "local", "path": str(clips)}},
        "training": {
            "recipes": {"mine": recipe},
            "runs": {"mine": {"recipe": "mine", "architecture": "CNN12"}},
        },
        "sonification": {"runs": ["contrastive", "supervised", "mine"], "dataset": "folder"},
        "evaluation": {"coherence": {"runs": ["mine"], "dataset": "folder"}},
    }
    workflow.overlay(changes)
    names = ["evaluation/metrics/mine-s0", "evaluation/coherence/mine-s0"]
    names += ["sonification/mine-s0/sonifications"]
    jobs = workflow.planned("--", *(f"results/{name}.parquet" for name in names))
    once = ("prepare_folder", "train", "score", "coherence", "mine", "render")
    assert jobs == dict.fromkeys(once, 1)


def test_what_beyond_has_made_is_verified_with_the_rest(workflow, monkeypatch):
    made = [
        "results/reporting/findings.md",
        "results/evaluation/stimulation/contrastive-s0.parquet",
    ]
    for name in made:
        (workflow.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (workflow.folder / name).write_text("x")
    assert "findings" not in workflow.planned(), "it is not made anew for that"
    monkeypatch.setenv("SONIFY_ASKED", "verify")
    found = workflow("--dry-run", "--logger", "sonify", fails=True).splitlines()
    again = "delete it and make run ARGS=beyond"
    assert f"damaged: {made[0]}: no record says what made it: {again}" in found
    damage = "it has no seal, so that it is damaged or not a file of this version"
    assert f"damaged: {made[1]}: {damage}: {again}" in found
    whole = "results/evaluation/stimulation.parquet"
    assert f"missing: {whole}: make run ARGS=beyond makes it" in found
    assert "missing: results/evaluation/metrics.parquet: make run makes it" in found
