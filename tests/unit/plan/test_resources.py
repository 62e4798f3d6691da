"""What jobs ask a scheduler for, against what was measured and what PyTorch counts."""

import copy
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from snakemake.utils import update_config

from sonify.config.loading import load
from sonify.models.architecture import Architecture
from sonify.models.cnn import CNN12, count_parameters
from sonify.plan.plan import Plan
from sonify.plan.registry import STAGES
from sonify.plan.resources import PROCESS_MB, JobNeeds, Needs, parameters, values

ROOT = Path(__file__).resolve().parents[3]


@cache
def read(file: str) -> dict:
    return yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))


def planned(*overlays: str, **blocks: dict) -> Plan:
    config = copy.deepcopy(read("config.yaml"))
    for name in overlays:
        update_config(config, copy.deepcopy(read(f"workflow/configs/{name}.yaml")))
    update_config(config, blocks)
    return Plan(load(config))


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
def test_feature_maps_and_weights_are_those_of_the_network(downsampling):
    architecture = Architecture(width=0.25, downsampling=downsampling)
    network, seen = CNN12(architecture), []
    for module in network.trunk:
        if isinstance(module, torch.nn.Conv1d):
            module.register_forward_hook(lambda m, given, made: seen.append(made.numel()))
    network.trunk(torch.zeros(1, 1, 20_000))
    assert values(architecture, 20_000) == pytest.approx(sum(seen), rel=0.01)
    assert parameters(architecture) == pytest.approx(count_parameters(network), rel=0.01)


def test_a_pretraining_of_the_paper_asks_for_what_its_step_was_seen_to_take():
    """12.8 and 25.5 GB (benchmarks/results/batches_cuda.md), of a network much like it."""
    needs = JobNeeds(planned("paper"), on_gpu=False)
    assert needs.training("contrastive").mem_mb == pytest.approx(12_800 + PROCESS_MB, rel=0.15)
    assert needs.training("contrastive_x2").mem_mb == pytest.approx(25_500 + PROCESS_MB, rel=0.15)
    on_gpu = JobNeeds(planned("paper"), on_gpu=True)
    assert on_gpu.training("contrastive_x2").mem_mb < 10_000, "maps are in the memory of the GPU"


def test_every_job_asks_for_more_than_it_was_seen_to_use_and_for_less_in_miniature():
    miniature, paper = JobNeeds(planned(), False), JobNeeds(planned("paper"), False)
    for needs in (miniature, paper):
        plan = needs.plan
        asked = [needs.training(run) for run in plan.training.runs]
        asked += [needs.mining(model) for model in plan.sonified_models]
        asked += [needs.preparing(dataset) for dataset in plan.datasets]
        asked += [needs.stage(s, job) for s in STAGES.values() for job in s.jobs(plan)]
        memory, minutes = [n.mem_mb for n in asked], [n.minutes for n in asked]
        if needs is miniature:
            assert min(memory) > 1_500 and max(memory) < 4_000 and max(minutes) == 240
        else:
            assert max(memory) < 64_000 and min(minutes) == 480 and max(minutes) == 2_880


@pytest.mark.parametrize(("number", "minutes"), [(1, 480), (8, 60), (100, 30)])
def test_a_share_asks_for_the_memory_of_the_whole_and_for_its_part_of_the_time(number, minutes):
    needs = JobNeeds(planned("paper", scatter={"measuring": number}), on_gpu=False)
    whole = needs.mining("contrastive-s0")
    assert whole.minutes == 480 and needs.share("mine", "contrastive-s0") == Needs(
        whole.mem_mb, minutes
    )
    assert needs.share("coherence", "contrastive-s0").minutes == minutes
