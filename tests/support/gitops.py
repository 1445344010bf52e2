"""What GitOps tools make of objects: by the library that Flux uses, and by Argo CD's Lua."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from local_cluster import binaries
from tests.support.repository import ROOT

Raw = dict[str, Any]


def kstatus(*objects: Raw) -> list[str]:
    """Return the status of each object by kstatus."""
    return [found["status"] for found in _asked([], objects)]


def argo(script: Path, *objects: Raw) -> list[str]:
    """Return the health of each object by a script of Argo CD."""
    return [found["status"] for found in _asked(["argo", str(script)], objects)]


def examples() -> list[Raw]:
    """Return the examples of the GitOps manual: resources, and a part of one."""
    manual = (ROOT / "docs" / "gitops.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL)
    return list(map(yaml.safe_load, blocks))


def _asked(arguments: list[str], objects: tuple[Raw, ...]) -> list[dict[str, str]]:
    binaries.build(("kstatus",))
    result = subprocess.run(
        [str(binaries.program("kstatus")), *arguments],
        input=json.dumps(objects), text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return list(json.loads(result.stdout))
