"""Settings of the jobs that mine and render. No torch: the plan makes them."""

from sonify.models.settings import JobSettings


class MiningSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of mining: how many clips are kept per filter."""

    top: int


class RenderingSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of rendering."""

    precision: str
