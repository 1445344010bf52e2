"""``make demo``: from nothing to a judged model version on a real cluster."""

import sys
from pathlib import Path

# The cluster tool is a folder of its own, not an installed package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
