"""Names of what the operator serves to Prometheus."""

import re
from functools import cache

from clm_operator.telling.prometheus import Metrics

_PARTS = {
    "histogram": ("_bucket", "_sum", "_count"),
    "counter": ("",),
    "gauge": ("",),
}


@cache
def served() -> frozenset[str]:
    """Return the names of all series, those of histograms one by one."""
    text = Metrics().render().decode()
    return frozenset(
        name + part
        for name, kind in re.findall(r"^# TYPE (clm_\w+) (\w+)$", text, re.MULTILINE)
        for part in _PARTS[kind]
    )
