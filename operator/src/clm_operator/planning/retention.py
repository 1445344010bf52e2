"""Which ended versions go: a candidate never does."""

from collections.abc import Sequence

from clm_api.model_version import Stage
from clm_api.training_schedule import RetentionSpec
from clm_operator.snapshot import Version


def to_delete(versions: Sequence[Version], retention: RetentionSpec) -> tuple[Version, ...]:
    """Return the versions beyond the limits, oldest first.

    Parameters
    ----------
    versions
        Oldest first.
    """
    rejected = [v for v in versions if v.terminal and v.status.stage is Stage.REJECTED]
    failed = [v for v in versions if v.terminal and v.status.stage is Stage.FAILED]
    surplus = (
        rejected[: max(len(rejected) - retention.successful_runs, 0)],
        failed[: max(len(failed) - retention.failed_runs, 0)],
    )
    return tuple(v for group in surplus for v in group)
