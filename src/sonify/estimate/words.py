"""A bill as readers see it."""

from sonify.data.download.catalogue import in_words
from sonify.estimate.bill import Bill, Line

HEAD = ("stage", "jobs", "PFLOP", "hours", "longest", "memory", "disk")


def text(bill: Bill) -> str:
    """Return the bill as a Markdown table, and sentences below it."""
    compared = any(line.measured_s is not None for line in bill.lines)
    head = (*HEAD, "measured", "times off") if compared else HEAD
    table = [f"| {' | '.join(head)} |", f"|{' -- |' + ' --: |' * (len(head) - 1)}"]
    for line in bill.lines:
        cells = (*_cells(line), *_beside(line)) if compared else _cells(line)
        table.append(f"| {' | '.join(cells)} |")
    return "\n".join([*table, "", *sentences(bill)]) + "\n"


def sentences(bill: Bill) -> list[str]:
    """Return what the whole takes, a sentence a line."""
    on = f"{bill.devices} × {bill.device}"
    said = [f"Device: {bill.device}, {bill.source}."]
    hours = f"{duration(bill.device_s)} of the device"
    if bill.host_s:
        hours += f", and {duration(bill.host_s)} of processors beside it"
    said.append(f"Computing: {hours}.")
    if bill.download_bytes is None:
        said.append("To download: an unknown amount; it depends on what is still available.")
    elif bill.download_s is not None and bill.download_bytes:
        took = duration(bill.download_s)
        said.append(f"To download: {in_words(bill.download_bytes)}, which takes {took}.")
    peak, end = in_words(round(bill.disk_peak_bytes)), in_words(round(bill.disk_end_bytes))
    said.append(f"Disk: {end} at the end, {peak} at most.")
    path = " → ".join(bill.critical_path)
    said.append(
        f"From beginning to end: {duration(bill.wall_s)} on {on}; on any number of devices, at "
        f"least {duration(bill.critical_s)} ({path})."
    )
    if bill.processes > 1:
        said.append(
            f"Not counted: that {bill.processes} processes share each training "
            "(training.processes); it is taken to occupy one device."
        )
    if bill.cost is not None:
        said.append(f"Cost: {bill.cost:,.2f}.")
    return said


def duration(seconds: float) -> str:
    """Format seconds for readers: `41 s`, `12 min`, `3.4 h`, `5.2 days`."""
    if seconds < 90:
        return f"{seconds:.3g} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.2g} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 86400:.3g} days"


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.stage,
        f"{line.jobs:,}",
        f"{line.flops / 1e15:.3g}" if line.flops else "–",
        f"{line.seconds / 3600:.3g}",
        duration(line.longest_s),
        in_words(round(line.memory_bytes)),
        in_words(round(line.disk_bytes)) if line.disk_bytes else "–",
    )


def _beside(line: Line) -> tuple[str, str]:
    """Return what a stage has taken, and how far off its estimate is."""
    measured = "–" if line.measured_s is None else f"{line.measured_s / 3600:.3g}"
    return measured, "–" if line.off is None else f"{line.off:.2f}"
