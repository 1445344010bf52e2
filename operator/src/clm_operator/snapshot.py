"""Former name of :mod:`clm_operator.view` and :mod:`clm_operator.mirror.objects`, for scripts."""

from clm_operator.mirror.objects import Job, Key, Pod, ScheduleObject, Version
from clm_operator.view import Snapshot, Withheld

__all__ = ["Job", "Key", "Pod", "ScheduleObject", "Snapshot", "Version", "Withheld"]
