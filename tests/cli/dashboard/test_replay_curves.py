"""Production's equity from the reports of its replays."""

from pathlib import Path

import pytest

from clm_api.layout import replay_report
from clm_cli.dashboard.replay_curves import ReplayCurves
from clm_cli.dashboard.world import Key
from clm_cli.server import ClusterError
from clm_trainer.storage import Storage
from tests.cli.dashboard.filled import fill
from tests.cli.dashboard.lived import lived, schedule, slot
from tests.cli.dashboard.worlds import NAMESPACE, key, world_of


def test_each_report_since_the_promotion_is_a_point(tmp_path: Path) -> None:
    objects = lived()
    fill(tmp_path, objects)
    key_, view = key(objects[0]), world_of(objects[0]).schedules[key(objects[0])]
    curves = ReplayCurves(Storage(str(tmp_path)))
    found = curves.of(key_, view)
    since = view.status.production
    assert since is not None
    assert (found.times[0], found.values[0]) == (since.since.timestamp(), 1.0)
    assert len(found.times) == 32
    assert found.values[-1] == pytest.approx(1 + 0.0123 * 0.7997, abs=1e-4)
    assert curves.of(key_, view) == found


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"schemaVersion": 9}'], ids=repr)
def test_a_report_that_says_nothing_readable_is_passed_over(content: bytes, tmp_path: Path) -> None:
    objects = lived()
    fill(tmp_path, objects)
    uid = objects[0]["metadata"]["uid"]
    later = int(slot(64).timestamp()) // 60 + 1
    path = tmp_path / replay_report(NAMESPACE, "btc-eth", uid, later)
    path.write_bytes(content)
    view = world_of(objects[0]).schedules[key(objects[0])]
    assert len(ReplayCurves(Storage(str(tmp_path))).of(key(objects[0]), view).times) == 32


def test_without_reports_or_production_there_is_no_curve(tmp_path: Path) -> None:
    owner, bare = lived()[0], schedule("bare")
    world = world_of(owner, bare)
    curves = ReplayCurves(Storage(str(tmp_path)))
    assert curves.of(key(owner), world.schedules[key(owner)]).times == ()
    with pytest.raises(ClusterError, match="nothing is in production"):
        curves.of(Key(NAMESPACE, "bare"), world.schedules[key(bare)])
