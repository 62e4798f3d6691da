import io

from sonify.runtime.progress import PAUSE_S, Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_outside_a_terminal_whole_lines_come_now_and_then():
    stream, clock = io.StringIO(), Clock()
    with Progress(200, "train x-s0", "epochs", stream=stream, now=clock) as bar:
        for done in range(1, 101):
            clock.now += PAUSE_S / 10
            bar.update(done, "loss 1.5")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert (
        lines[0].startswith("train x-s0") and "5%  10/200 epochs, 190 s left, loss 1.5" in lines[0]
    )
    assert "\r" not in stream.getvalue()
    assert lines[-1].count("█") == lines[-1].count("░")


def test_on_a_terminal_one_line_is_redrawn_and_cleared():
    stream, clock = io.StringIO(), Clock()
    stream.isatty = lambda: True
    with Progress(10, "mine", "clips", stream=stream, now=clock) as bar:
        for done in (1, 2):
            clock.now += 1
            bar.update(done)
    assert "\n" not in stream.getvalue() and stream.getvalue().endswith("\r\033[K")


def test_nothing_to_do_divides_by_nothing():
    stream, clock = io.StringIO(), Clock()
    with Progress(0, "mine", "clips", stream=stream, now=clock) as bar:
        clock.now += PAUSE_S
        bar.update(0)
    assert "0%  0/1 clips" in stream.getvalue()
