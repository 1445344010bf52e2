"""The rights that docs/install.md names are enough for each command, and fewer are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import clm_cli.moves
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule
from tests.cli.test_simulate_cluster import simulation

Raw = dict[str, Any]
KINDS = ["trainingschedules", "modelversions"]


def rule(group: str, verbs: list[str], *resources: str) -> Raw:
    return {"apiGroups": [group], "resources": list(resources), "verbs": verbs}


LOOK = rule("clm.dev", ["get", "list"], *KINDS)
LOGS = (rule("", ["list"], "pods"), rule("", ["get"], "pods/log"))
SCHEDULES = rule("clm.dev", ["patch"], KINDS[0])
VERSIONS = rule("clm.dev", ["patch"], KINDS[1])
SEE_SIMULATIONS = rule("clm.dev", ["get"], "simulations")
SIMULATIONS = (SEE_SIMULATIONS, rule("clm.dev", ["create"], "simulations"))


@pytest.mark.parametrize(
    ("command", "needs", "ends"),
    [
        ("status btc-eth", (), None),
        ("list", (), None),
        ("history btc-eth", (), None),
        ("signals btc-eth", (), None),
        ("diff btc-1 btc-1", (), None),
        ("report btc-1", (), None),
        ("report choice", (SEE_SIMULATIONS,), "choice has no report"),
        ("simulate --cluster FILE", SIMULATIONS, None),
        ("predict btc-1", (), "has no artifact"),
        ("logs btc-1", LOGS, "the pod of btc-1 is gone"),
        ("suspend btc-eth", (SCHEDULES,), None),
        ("resume btc-eth", (SCHEDULES,), None),
        ("promote btc-1 --reason why", (VERSIONS,), "does the operator run?"),
        ("halt btc-eth --reason why", (VERSIONS,), "does the operator run?"),
        ("rollback btc-eth --to btc-1 --reason why", (VERSIONS,), "does the operator run?"),
    ],
)
def test_a_command_needs_these_rights(
    command: str,
    needs: tuple[Raw, ...],
    ends: str | None,
    api: Namespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clm_cli.moves, "_PATIENCE_S", 0.0)
    production = {
        "version": "btc-1", "since": "2025-12-02T06:00:00Z", "approvedBy": "bob", "reason": "good",
        "artifact": {"uri": "s3://clm/m.json", "sha256": "0" * 64},
    }  # fmt: skip
    api.put(judged(api.put(schedule(production=production)), "btc-1"))
    api.put(simulation() | {"status": {"phase": "Pending"}})
    path, file = tmp_path / "of-a-person", tmp_path / "sim.yaml"
    file.write_text(json.dumps(simulation() | {"metadata": {"name": "another"}}))

    def said(*rules: Raw) -> str | None:
        monkeypatch.setenv("KUBECONFIG", str(api.account_kubeconfig(path, api.plane.server, rules)))
        error = CliRunner().invoke(app, command.replace("FILE", str(file)).split()).exception
        return None if error is None else str(error)

    if needs:
        assert "is forbidden" in str(said(LOOK))
    enough = said(LOOK, *needs)
    assert enough is None if ends is None else ends in str(enough)
