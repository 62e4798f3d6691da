"""Jobs that wait for one another, on few and many devices."""

from hypothesis import given
from hypothesis import strategies as st

from sonify.estimate.schedule import Schedule, Task

CHAIN = [Task("a", 2), Task("b", 3, ("a",)), Task("c", 4), Task("d", 1, ("b", "c"), "host")]


def test_a_few_jobs_by_hand():
    plan = Schedule(CHAIN)
    assert plan.longest_path_s == 6 and [t.name for t in plan.critical_path] == ["a", "b", "d"]
    assert plan.makespan_s({"device": 1, "host": 1}) == 10
    assert plan.makespan_s({"device": 2}) == 6
    assert Schedule([]).makespan_s({"device": 1}) == 0


def test_when_jobs_begin_by_hand():
    """On one device a goes first, since 6 s begin with it, then c (5 s), then b (4 s)."""
    plan = Schedule(CHAIN)
    assert plan.begins_s({"device": 1, "host": 1}) == {"a": 0, "c": 2, "b": 6, "d": 9}
    assert plan.begins_s({"device": 2}) == {"a": 0, "c": 0, "b": 2, "d": 5}
    assert Schedule([]).begins_s({}) == {}


def test_what_most_work_waits_for_begins_first_unless_another_is_urgent():
    tasks = [Task("alone", 4), Task("first", 1), Task("after", 8, ("first",), "host")]
    assert Schedule(tasks).makespan_s({"device": 1}) == 9
    urgent = [Task("alone", 4, priority=1), *tasks[1:]]
    assert Schedule(urgent).makespan_s({"device": 1}) == 13


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 12))
    tasks = []
    for i in range(n):
        needs = draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set()
        seconds = draw(st.integers(0, 9))
        tasks.append(Task(str(i), seconds, tuple(map(str, sorted(needs)))))
    return tasks


@given(graphs(), st.integers(1, 4))
def test_a_list_schedule_keeps_its_bounds(tasks, places):
    """Graham 1966: no shorter than the longest chain or the work per place, no longer than both."""
    plan, work = Schedule(tasks), sum(task.seconds for task in tasks) / places
    took = plan.makespan_s({"device": places})
    assert max(plan.longest_path_s, work) <= took + 1e-9
    assert took <= plan.longest_path_s + work + 1e-9
    assert sum(task.seconds for task in plan.critical_path) == plan.longest_path_s
    assert plan.makespan_s({"device": len(tasks)}) == plan.longest_path_s
