"""What jobs find around them."""

import threading

from surroundings import stop_timers


def test_no_timer_is_left_to_wait_for():
    started = [threading.Timer(600, lambda: None) for _ in range(2)]
    for timer in started:
        timer.start()
    stop_timers()
    for timer in started:
        timer.join(timeout=10)
        assert not timer.is_alive()
