"""The bill of a configuration: what each stage takes, and what the whole takes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sonify.data.download import catalogue
from sonify.estimate.devices import Device
from sonify.estimate.jobs import BASE_BYTES, Job, jobs
from sonify.estimate.schedule import Schedule, Task
from sonify.plan.files import Files
from sonify.plan.plan import Plan

HARVESTED = 0.13  # of what is downloaded of AudioSet stays: decoded, at 8 kHz (README)
SHARD_BYTES = 3e9  # the largest of its shards
# From benchmarks/results/starts.md. What forks share is imported in 4.2 s; jobs that begin earlier
# are processes. TORCH: how many times as long one that imports PyTorch takes to start (3.04 s, the
# median of three) as a figure, which most of the others are (1.24 s); single ones, 2.1 to 2.7.
READY_S = 4.2
TORCH = 2.45


@dataclass(frozen=True)
class Line:
    """A stage of the bill: its jobs together, and the largest of them. Memory: of one process, on
    a GPU of that device. measured_s: what the jobs have taken in a run that is compared."""

    stage: str
    jobs: int
    flops: float
    seconds: float
    longest_s: float
    memory_bytes: float
    disk_bytes: float
    measured_s: float | None = None

    @property
    def off(self) -> float | None:
        """The factor, 1 or more, between estimate and measurement; None if nothing was measured."""
        if not self.measured_s or not self.seconds:
            return None
        return max(self.seconds / self.measured_s, self.measured_s / self.seconds)


@dataclass(frozen=True)
class Bill:
    """All stages, and what they take together on `devices` devices.

    rates: of the device, seconds per unit of work. download_bytes: still to be downloaded, None if
    the size is unknown. wall_s: from the first download to the last page; critical_s: with any
    number of devices. cost: of all devices for that long, None without a price. processes: that
    share each training; it is counted as one process's.
    """

    device: str
    source: str
    rates: Mapping[str, float]
    devices: int
    lines: tuple[Line, ...]
    device_s: float
    host_s: float
    download_bytes: int | None
    download_s: float | None
    disk_end_bytes: float
    disk_peak_bytes: float
    wall_s: float
    critical_s: float
    critical_path: tuple[str, ...]
    cost: float | None = None
    processes: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def bill(
    plan: Plan,
    device: Device,
    *,
    devices: int = 1,
    bandwidth_bytes: float = 125e6,
    price: float | None = None,
    measured: Mapping[str, float] | None = None,
) -> Bill:
    """Return the bill of a plan on `devices` devices.

    bandwidth_bytes: a second, of downloads, which run one after another beside everything else.
    price: of one device for an hour. measured: seconds of each job that has run, by rule and name,
    to set beside the estimate; then only such jobs are estimated. Raises SonifyError for clips
    that nobody has counted.
    """
    all_jobs = jobs(plan)
    if measured is not None:
        all_jobs = [job for job in all_jobs if job.id in measured]
    pending = Files(plan).pending_downloads()
    fetch_s = {d: (n or 0) / bandwidth_bytes for d, n in pending.items()}
    places = {"device": devices, "link": 1}
    if device.gpu:
        places["host"] = devices * device.hosts
    seconds = {job.id: job.work.seconds(device.rates) for job in all_jobs}
    process_s = device.rates["process"]
    apart = {job.id: seconds[job.id] + process_s * (1 if job.host else TORCH) for job in all_jobs}
    # Which jobs begin before there is an interpreter to fork is seen in a schedule without one.
    # The others are shorter than in that one, hence a second.
    begins = Schedule([*_tasks(all_jobs, apart, fetch_s, device)]).begins_s(places)
    seconds |= {name: apart[name] for name, at in begins.items() if at < READY_S}
    schedule = Schedule([*_tasks(all_jobs, seconds, fetch_s, device)])
    wall_s = schedule.makespan_s(places)
    corpora, held = _corpora_bytes(plan)
    end = sum(job.disk for job in all_jobs) + corpora
    unknown = None in pending.values()
    return Bill(
        device=device.name,
        source=device.source,
        rates=dict(device.rates),
        devices=devices,
        lines=tuple(_lines(all_jobs, seconds, device, measured or {})),
        device_s=sum(seconds[job.id] for job in all_jobs if not (device.gpu and job.host)),
        host_s=sum(seconds[job.id] for job in all_jobs if device.gpu and job.host),
        download_bytes=None if unknown else sum(n or 0 for n in pending.values()),
        download_s=None if unknown else sum(fetch_s.values()),
        disk_end_bytes=end,
        disk_peak_bytes=end + held,
        wall_s=wall_s,
        critical_s=schedule.longest_path_s,
        critical_path=tuple(task.name for task in schedule.critical_path),
        cost=None if price is None else price * devices * wall_s / 3600,
        processes=plan.training.processes,
    )


def _tasks(
    all_jobs: list[Job], seconds: dict[str, float], fetch_s: dict[str, float], device: Device
) -> list[Task]:
    """The jobs as tasks; the network and the processor share the time of a download."""
    names, tasks = {job.id for job in all_jobs}, []
    for job in all_jobs:
        needs = tuple(name for name in job.needs if name in names)
        if job.rule == "download":
            length = max(fetch_s[job.name], seconds[job.id])
            tasks.append(Task(job.id, length, needs, "link"))
            continue
        pool = "host" if device.gpu and job.host else "device"
        priority = {"train": 10, "layer_importance": 5}.get(job.rule, 0)
        tasks.append(Task(job.id, seconds[job.id], needs, pool, priority))
    return tasks


def _lines(
    all_jobs: list[Job],
    seconds: dict[str, float],
    device: Device,
    measured: Mapping[str, float],
) -> list[Line]:
    lines = []
    for rule in dict.fromkeys(job.rule for job in all_jobs):
        own = [job for job in all_jobs if job.rule == rule]
        base = 0.0 if device.gpu and not own[0].host else BASE_BYTES
        lines.append(
            Line(
                stage=rule,
                jobs=len(own),
                flops=sum(job.work.flops for job in own),
                seconds=sum(seconds[job.id] for job in own),
                longest_s=max(seconds[job.id] for job in own),
                memory_bytes=base + max(job.memory for job in own),
                disk_bytes=sum(job.disk for job in own),
                measured_s=sum(measured[job.id] for job in own) if measured else None,
            )
        )
    return lines


def _corpora_bytes(plan: Plan) -> tuple[float, float]:
    """Bytes of downloaded corpora that stay, and the most that is there beside them meanwhile."""
    stay, held = 0.0, 0.0
    for dataset in plan.downloaded:
        source, splits = plan.config.data.sources[dataset], plan.used_splits(dataset)
        keep = bool(getattr(source, "keep_archives", False))
        nowhere = Path("/nonexistent")
        if dataset == "audioset":
            whole = catalogue.pending_bytes(dataset, nowhere, splits) or 0
            stay, held = stay + HARVESTED * whole, max(held, 2 * SHARD_BYTES)
            continue
        wanted = catalogue.archives(dataset, splits)
        unpacked = sum(archive.unpacked_bytes for archive in wanted)
        at_most = catalogue.disk_bytes(wanted, keep)
        stay += at_most if keep else unpacked
        held = max(held, 0 if keep else at_most - unpacked)
    return stay, held
