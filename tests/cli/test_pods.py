"""Which container of a pod is the run's, wherever an injector puts its own."""

import pytest

from clm_cli.pods import PodView

ENDED = {"terminated": {"exitCode": 0}}
ORDERS = [["trainer"], ["trainer", "istio-proxy"], ["istio-proxy", "trainer"]]


@pytest.mark.parametrize("order", ORDERS, ids=" before ".join)
def test_the_log_is_that_of_the_trainer(order: list[str]) -> None:
    states = {"trainer": ENDED, "istio-proxy": {"running": {}}}
    pod = PodView.read(
        {
            "metadata": {"name": "p", "uid": "u", "creationTimestamp": "2026-01-05T12:00:00Z"},
            "spec": {"containers": [{"name": name} for name in order]},
            "status": {
                "phase": "Running",
                "containerStatuses": [{"name": n, "state": states[n]} for n in sorted(order)],
            },
        }
    )
    assert (pod.container, pod.started, pod.ended) == ("trainer", True, True)
