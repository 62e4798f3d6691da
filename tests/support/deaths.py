"""Trainings that die where a test wants them to."""

from dataclasses import dataclass

from sonify.training.resume import Saver


class Killed(BaseException):
    """What SIGKILL is to those who look at the disk alone."""


@dataclass
class Mortal(Saver):
    """Writes a checkpoint every `pause` steps, and dies when it is asked for the `dies`-th time."""

    pause: int = 1
    dies: int = 0
    asked: int = 0

    @property
    def due(self) -> bool:
        self.asked += 1
        if self.asked == self.dies:
            raise Killed
        return self._told or self.asked % self.pause == 0


def set_aside_for(said: str) -> str:
    """What a checkpoint was set aside for, of what a job said; empty if none was."""
    return said.partition(" was started with other ")[2].partition(": it is set aside")[0]
