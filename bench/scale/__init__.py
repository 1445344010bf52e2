"""How the operator scales: the real operator, API server, Job controller and MinIO, N schedules.

Everything is seen from outside: requests in the API server's audit log, CPU seconds and memory in
``/proc``, the operator's metrics. So builds whose insides differ are measured by the same rule.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools" / "cluster"))  # the servers are started by its package
