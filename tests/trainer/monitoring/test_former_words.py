"""A pod that was told to evaluate: so a replay was called, and so older operators made its Job."""

from pathlib import Path

from clm_trainer.storage import Storage
from tests.trainer.monitoring.published import stored_report, task_of
from tests.trainer.monitoring.test_process import Pod


def test_a_pod_of_before_writes_the_same_report(store: Storage, tmp_path: Path) -> None:
    task = task_of(store)
    told = task.model_dump_json(by_alias=True, exclude_none=True)
    pod = Pod(store.url, tmp_path, told, command="evaluate", variable="CLM_EVALUATION_TASK")
    code, _, lines = pod.run()
    assert code == 0, lines
    report = stored_report(store, task)
    assert report.task == task
    assert report.live is not None
    assert report.shadow is not None
