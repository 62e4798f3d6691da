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


def test_what_an_earlier_job_had_done_does_not_count_as_this_one_s_pace():
    stream, clock = io.StringIO(), Clock()
    with Progress(4000, "train x-s0", "epochs", stream=stream, now=clock) as bar:
        for done in range(1601, 1642):  # one in half a second, from the checkpoint on
            clock.now += 0.5
            bar.update(done)
    first, second = stream.getvalue().splitlines()
    assert "1620/4000 epochs, 1190 s left" in first
    assert "1640/4000 epochs, 1180 s left" in second


def test_parts_that_were_kept_are_forgotten_in_the_pace():
    stream, clock = io.StringIO(), Clock()
    with Progress(2000, "mine x-s0", "clips", stream=stream, now=clock) as bar:
        for done in (*range(0, 1001, 100), *range(1001, 1201)):
            clock.now += 1 if done > 1000 else 0.01
            bar.update(done)
    lines = stream.getvalue().splitlines()
    assert "1200/2000 clips, 800 s left" in lines[-1]


def test_a_first_step_of_unknown_pace_tells_no_time_left():
    stream, clock = io.StringIO(), Clock()
    with Progress(100, "mine x-s0", "clips", stream=stream, now=clock) as bar:
        clock.now += PAUSE_S
        bar.update(90)
    assert stream.getvalue().rstrip().endswith("90/100 clips")
