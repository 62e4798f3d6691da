"""Schedule jobs that wait for one another on a number of devices, by list scheduling."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Task:
    """A job: seconds, the tasks it waits for, what it occupies, and its priority (high first)."""

    name: str
    seconds: float
    needs: tuple[str, ...] = ()
    pool: str = "device"
    priority: float = 0


@dataclass(frozen=True)
class Schedule:
    """Tasks in an order in which each stands behind those that it needs."""

    tasks: Sequence[Task]

    @cached_property
    def _by_name(self) -> dict[str, Task]:
        return {task.name: task for task in self.tasks}

    @cached_property
    def longest_path_s(self) -> float:
        """Seconds of the longest chain of tasks: what no number of devices shortens."""
        return max(self._ends.values(), default=0.0)

    @cached_property
    def critical_path(self) -> list[Task]:
        """The tasks of that chain, first to last."""
        chain: list[Task] = []
        at = max(self._ends, key=lambda name: self._ends[name], default=None)
        while at is not None:
            task = self._by_name[at]
            chain.insert(0, task)
            at = max(task.needs, key=lambda name: self._ends[name], default=None)
        return chain

    @cached_property
    def _ends(self) -> dict[str, float]:
        """The time at which each task ends if none waits for a device."""
        ends: dict[str, float] = {}
        for task in self.tasks:
            begins = max((ends[name] for name in task.needs), default=0.0)
            ends[task.name] = begins + task.seconds
        return ends

    def makespan_s(self, places: Mapping[str, int]) -> float:
        """Return when the last task ends, with `places` for tasks of each pool."""
        begins = self.begins_s(places)
        return max((at + self._by_name[name].seconds for name, at in begins.items()), default=0.0)

    def begins_s(self, places: Mapping[str, int]) -> dict[str, float]:
        """Return when each task begins, with `places` for tasks of each pool.

        A free place takes the ready task of the highest priority, and of these the one that most
        work waits for. Pools that are not named have room for all.
        """
        behind = self._behind
        waiting = {task.name: len(set(task.needs)) for task in self.tasks}
        followers: dict[str, list[str]] = {}
        for task in self.tasks:
            for name in set(task.needs):
                followers.setdefault(name, []).append(task.name)
        free = {task.pool: places.get(task.pool, len(self.tasks)) for task in self.tasks}
        ready: dict[str, list[tuple[float, float, str]]] = {pool: [] for pool in free}
        running: list[tuple[float, str]] = []
        begins: dict[str, float] = {}
        now = 0.0

        def admit(name: str) -> None:
            task = self._by_name[name]
            heapq.heappush(ready[task.pool], (-task.priority, -behind[name], name))

        for name, count in waiting.items():
            if not count:
                admit(name)
        while True:
            for pool, queue in ready.items():
                while queue and free[pool]:
                    name = heapq.heappop(queue)[2]
                    free[pool] -= 1
                    begins[name] = now
                    heapq.heappush(running, (now + self._by_name[name].seconds, name))
            if not running:
                return begins
            now, name = heapq.heappop(running)
            free[self._by_name[name].pool] += 1
            for follower in followers.get(name, ()):
                waiting[follower] -= 1
                if not waiting[follower]:
                    admit(follower)

    @cached_property
    def _behind(self) -> dict[str, float]:
        """Seconds of the longest chain that begins with each task."""
        behind = {task.name: task.seconds for task in self.tasks}
        for task in reversed(self.tasks):
            for name in task.needs:
                own = self._by_name[name].seconds
                behind[name] = max(behind[name], own + behind[task.name])
        return behind
