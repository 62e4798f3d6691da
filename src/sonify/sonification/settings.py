"""Settings of the jobs that explain, mine and render. No torch: the plan makes them."""

from sonify.models.settings import JobSettings


class ExplainerSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of a job that sonifies: the explanation method, and its precision."""

    method: str
    precision: str


class MiningSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of mining: how many clips are kept per filter."""

    top: int


class RenderingSettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of rendering."""
