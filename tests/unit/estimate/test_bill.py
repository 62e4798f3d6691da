"""Bills of whole configurations, against counts by hand, the plan, and finished runs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.data.synthesis.sources import CLASSES
from sonify.estimate import page
from sonify.estimate.bill import READY_S, TORCH, bill
from sonify.estimate.clips import PUBLISHED, SYNTHETIC_CLASSES, clips
from sonify.estimate.devices import Device, named
from sonify.estimate.jobs import HOST, jobs
from sonify.estimate.measuring import counted
from sonify.estimate.page import COMPARED, comparison, made
from sonify.estimate.training import training
from sonify.estimate.words import duration, text
from sonify.plan.files import Files
from sonify.plan.plan import Plan
from sonify.plan.registry import BEYOND_FIGURES, STAGES

ROOT = Path(__file__).resolve().parents[3]


def plan(*overlays: str) -> Plan:
    return Plan(load(overlaid([ROOT / f"workflow/configs/{name}.yaml" for name in overlays])))


MINI = plan()
SHARED = {"prepare", "mine", "render", "score", "removal", "coherence", "filters"}


def test_every_stage_is_counted_and_no_job_is_forgotten():
    assert counted() == {stage.name for stage in STAGES.values() if not stage.beyond}
    ours = {job.id for job in jobs(MINI)}
    known = {f"{rule}/{name}" for rule, names in Files(MINI).jobs.items() for name in names}
    beyond = {f"{s.name}/{job}" for s in STAGES.values() if s.beyond for job in s.jobs(MINI)}
    beyond |= {f"gather/{table}" for s in STAGES.values() if s.beyond for table in s.tables}
    beyond |= {f"reporting/{figure}" for figure in BEYOND_FIGURES}
    assert known - beyond <= ours and not ours & beyond
    assert {name.partition("/")[2] for name in ours - known} == {
        "pairs", "database", "cards", "page", "summary"
    }  # fmt: skip


def test_jobs_wait_for_what_writes_their_inputs():
    all_jobs = {job.id: job for job in jobs(MINI)}
    needs = {name: set(job.needs) for name, job in all_jobs.items()}
    assert "synthesise/audioset-s0" in needs["prepare/audioset-s0"]
    finetuned = needs["train/fsd50k-contrastive-full-s1"]
    assert finetuned == {"prepare/fsd50k-s1", "train/contrastive-s1"}
    assert needs["render/supervised-s0"] >= {"mine/supervised-s0", "train/supervised-s0"}
    assert "mine/contrastive-s2" in needs["evolution/contrastive-s2"]
    assert "score/supervised-s4" in needs["gather/metrics"]
    assert needs["reporting/table_A1"] == {"gather/metrics"}
    assert "reporting/page" in needs["reporting/summary"]
    seen: set[str] = set()
    for name, job in all_jobs.items():
        assert {n for n in job.needs if n in all_jobs} <= seen, name
        seen.add(name)


def test_shares_divide_the_work_of_a_job_and_it_waits_for_them():
    overlay = {"scatter": {"measuring": 4, "preparing": 4}}
    shared = {job.id: job for job in jobs(Plan(load(overlaid([]) | overlay)))}
    for whole in jobs(MINI):
        here = shared.pop(whole.id)
        shares = [shared.pop(name) for name in here.needs if "_share/" in name]
        assert len(shares) == (4 if whole.rule in SHARED else 0), whole.id
        assert {need for share in shares for need in share.needs} <= set(whole.needs)
        total = sum((share.work for share in shares), here.work).amounts
        assert total["start"] == whole.work.amounts["start"] + len(shares)
        times = {"start": 1 + len(shares), "network": max(1, len(shares))}
        for unit, amount in whole.work.amounts.items():
            assert total[unit] == pytest.approx(times.get(unit, 1) * amount)
        assert not shares or here.work.amounts.keys() <= {"start", "score", "ranking"}
    assert not shared


def test_steps_by_hand():
    """480 clips in batches of 16, two crops of half a second each, 5 epochs."""
    of = training(MINI, "contrastive-s0")
    assert (of.steps, of.recipe.epochs, of.step.crops, of.step.samples) == (30, 5, 32, 4000)
    once = training(MINI, "balanced-contrastive-fconly-s0")
    assert (once.steps, once.step.frozen, once.step.outputs) == (30, True, SYNTHETIC_CLASSES)
    assert len(CLASSES) == SYNTHETIC_CLASSES
    paper = plan("paper")
    whole = training(paper, "contrastive_x2-s2")
    assert whole.steps == (18_685 + 1_738_788) // 2048 and whole.step.in_parts
    chosen = training(paper, "fsd50k-scratch-s0")
    assert chosen.validated is not None and chosen.validated.number == 4_170
    assert chosen.validated.mean_s == 5


def test_published_clips_are_those_of_the_catalogue():
    assert sum(PUBLISHED["fsd50k"][s][0] for s in ("train", "val")) == 40_966
    assert sum(n for n, _ in PUBLISHED["speech_commands"].values()) == 105_829
    paper = plan("paper").config
    assert clips(paper, "audioset", "eval").mean_s == 10
    short = clips(paper, "fsd50k", "eval")  # 9.8 s on average, the short ones repeated to 5 s
    assert 10.5 < short.mean_s < 11.5 and 0.3 < short.alike < 0.5


def test_jobs_that_begin_before_there_is_an_interpreter_to_fork_start_one_themselves():
    """All jobs take no time but their starts, of 1 s: on one device, those that begin first do."""
    rates = dict.fromkeys(named("processor").rates, 0.0)
    free, costly = (
        bill(MINI, Device("none", rates | {"process": each}, ""), devices=1) for each in (0, 1.0)
    )
    assert free.device_s == 0 and costly.device_s > 0
    starts = sum(line.seconds for line in costly.lines)
    assert READY_S <= starts < READY_S + TORCH, "they begin one after another until it is ready"
    many = bill(MINI, Device("none", rates | {"process": 1.0}, ""), devices=3)
    assert sum(line.seconds for line in many.lines) > starts
    measured = (ROOT / "benchmarks" / "results" / "starts.md").read_text(encoding="utf-8")
    assert f"imported once, in {READY_S} s." in measured
    late = {line.stage for line in many.lines if line.seconds == 0}
    assert "mine" in late and "synthesise" not in late


def test_more_devices_more_bandwidth_and_a_price():
    device = named("h200")
    one, four = (bill(plan("paper"), device, devices=n, price=2) for n in (1, 4))
    assert one.lines == four.lines and four.wall_s < one.wall_s
    assert one.critical_s == four.critical_s <= four.wall_s
    assert four.cost == pytest.approx(2 * 4 * four.wall_s / 3600)
    assert one.download_bytes is not None and 2.4e12 < one.download_bytes < 2.6e12
    slow = bill(plan("paper"), device, bandwidth_bytes=1e6)
    assert slow.download_s == pytest.approx(one.download_bytes / 1e6)
    assert slow.wall_s > slow.download_s > one.wall_s
    assert one.disk_peak_bytes > one.disk_end_bytes > 0.13 * 2.4e12
    assert all(job.host == (job.rule in HOST) for job in jobs(MINI))


def test_a_bill_reads_as_a_table_and_sentences():
    told = text(made(("paper", "lab")))
    lines = told.splitlines()
    assert lines[0].startswith("| stage | jobs | PFLOP | hours |")
    assert "To download: 76.9 GB" in told and "Disk: " in told
    assert "From beginning to end: " in told and " → train/" in told
    assert [duration(s) for s in (41, 720, 3.4 * 3600, 5.2 * 86400)] == [
        "41 s", "12 min", "3.4 h", "5.2 days"
    ]  # fmt: skip


def test_a_laboratorys_night_is_one_by_the_estimate():
    lab = made(("paper", "lab"))
    assert lab.wall_s < 12 * 3600 and lab.disk_peak_bytes < 200e9
    assert max(line.memory_bytes for line in lab.lines) < 80e9, "of one GPU"


def test_the_page_of_costs_is_what_the_command_makes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # where nothing has been downloaded
    page.main()
    assert capsys.readouterr().out == (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMPARED.values())
def test_the_estimate_of_finished_runs_is_within_a_factor_of_1_5_per_stage(name):
    """As it was compared, and as it is counted now: the first at the stated rates, the others,
    whose machines were busier or of another kind, at those of their own calibrations."""
    ((source, lines),) = comparison(name).items()
    assert len(lines) >= 14
    for line in lines:
        assert line.off is not None and line.off < 1.5, line
    overlays, device = ["smoke"] if name == "estimate_smoke" else [], named("processor")
    if name != "estimate_mini":
        found = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text("utf-8"))
        device = Device("this machine", found["rates"], source)
    now = {line.stage: line for line in bill(plan(*overlays), device, devices=2).lines}
    for line in lines:
        present = replace(now[line.stage], measured_s=line.measured_s)
        # figure_training came later
        newer = 1 if line.stage == "reporting" and name == "estimate_mini" else 0
        assert present.jobs == line.jobs + newer, present
        assert present.off is not None and present.off < 1.5, present
