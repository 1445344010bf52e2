"""A market that changes under production: a real replay finds it, and one retrain follows."""

import itertools
import json
from typing import Any

import pandas as pd
import pytest

from clm_api.layout import newest_signal
from clm_api.timing import slot_of
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from tests.operator.rig import Rig, condition
from tests.operator.test_faults import KillAtWrite
from tests.operator.test_promotion import LENIENT
from tests.support.ports import eventually
from tests.support.proxy import Verdict
from tests.support.repository import BARS
from tests.support.schedules import schedule

Raw = dict[str, Any]
NAME = "watched"
LATER = pd.Timedelta(days=1)


def stop_trading(rig: Rig, symbol: str) -> None:
    """Let another day of bars come, on which nobody trades the symbol though its price moves."""
    for one, path in BARS.items():
        frame = pd.read_parquet(path).tail(24).reset_index(drop=True)
        frame["timestamp"] += LATER
        if one == symbol:
            frame["volume"] = 0.0
        BarCache(rig.storage).write(BarKey("binance", "spot", one, "1h"), frame, "test")


def retrains(rig: Rig) -> list[Raw]:
    """Return the versions that drift asked for."""
    return [v for v in rig.versions(NAME) if v["spec"]["trigger"]["type"] == "Drift"]


def is_replayed(rig: Rig) -> bool:
    """Whether the replay's pod works, or has ended."""
    pods = rig.plane.list(rig.namespace, "pods")
    replays = [p for p in pods if p["metadata"]["labels"]["job-name"].endswith("-e")]
    return any(p["status"].get("phase") in ("Running", "Succeeded") for p in replays)


def works(rig: Rig) -> bool:
    """Whether the retrain's pod works, as far as its version says."""
    return [v["status"].get("phase") for v in retrains(rig)] == ["Running"]


@pytest.mark.slow
def test_killed_at_its_first_second_third_write_drift_begins_one_run_that_names_it(
    rig: Rig,
) -> None:
    monitoring = {"drift": {"mode": "Retrain"}, "cooldown": "1d"}
    promotion = {"criteria": LENIENT | {"minTrades": 0}}
    rig.apply(schedule(NAME, rig.namespace, runOnCreate=True, promotion=promotion,
                       monitoring=monitoring))  # fmt: skip
    rig.start_operator()
    (champion,) = rig.wait_ended(NAME)
    name = champion["metadata"]["name"]
    stop_trading(rig, next(iter(BARS)))
    rig.ask(name)
    eventually(lambda: is_replayed(rig), "it is replayed at once")
    rig.kubelet.replace_command = ["sleep", "600"]
    rig.operators[-1].kill()
    for number in itertools.count(1):
        fault = KillAtWrite(rig, number, Verdict.SWALLOW)
        rig.api.judge, rig.api.after = fault.judge, fault.after
        rig.start_operator()
        eventually(lambda: rig.operators[-1].ended or works(rig), f"write {number} kills")
        if not fault.stop():
            break
    rig.settle()
    assert number > 2, "what was found, its event, the version, its Job, what they say"

    (made,) = retrains(rig)
    status = rig.schedule(NAME)["status"]
    drift = status["drift"]
    assert made["metadata"]["name"] == f"{NAME}-d-{slot_of(pd.Timestamp(drift['since']))}"
    reason = made["spec"]["trigger"]["reason"]
    assert name in reason
    assert "BTC/USDT: VolumeGone" in reason
    jobs = [j["metadata"]["name"] for j in rig.plane.list(rig.namespace, "jobs")]
    assert [job for job in jobs if "-d-" in job] == [made["metadata"]["name"]]
    assert (drift["version"], drift["verdict"]) == (name, "Drifted")
    assert drift["retrained"] == status["retrained"] == made["spec"]["slot"]
    assert condition(status, "Drifted")["status"] == "True"

    found = json.loads(rig.storage.get(newest_signal(rig.namespace, NAME)) or b"{}")
    assert found["positions"] == status["signal"]["positions"]
    assert {one["symbol"] for one in found["positions"]} == {*BARS}
    assert (found["version"], found["sha256"]) == (name, status["production"]["artifact"]["sha256"])
    told = [e["reason"] for e in rig.plane.list(rig.namespace, "events")]
    assert told.count("Drifted") == 1
    assert "Signal" not in told
