"""Where a real API server refuses the watch of one kind, its namespace rests until it is heard."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from clm_operator.clock import SystemClock
from clm_operator.cluster.api import Api, WriteBudget, connect
from clm_operator.edge.watches import Watches
from clm_operator.mirror.words import SILENCE_S, Words
from clm_operator.mirror.world import KINDS, Mirror
from clm_operator.telling.prometheus import Metrics
from tests.operator.rig import VALUES
from tests.support import chart
from tests.support.control_plane import ControlPlane
from tests.support.proxy import Proxy, Seen, Verdict, let_pass

NAMESPACE = "silent"


@pytest.fixture
def account(defined: ControlPlane) -> ControlPlane:
    """A release's operator and its rights."""
    defined.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    kinds = ("ServiceAccount", "Role", "RoleBinding")
    release = chart.of_kind(chart.render(NAMESPACE, *VALUES), *kinds)
    defined.apply(*({**o, "metadata": {"namespace": NAMESPACE} | o["metadata"]} for o in release))
    return defined


def without_jobs(seen: Seen) -> Verdict | int:
    """Refuse what a Role without Jobs would."""
    return 403 if seen.path.endswith("/jobs") else Verdict.PASS


async def comes(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(what)


async def test_nothing_is_known_while_one_kind_is_refused_and_all_is_once_it_is_heard(
    account: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(account.server, str(account.authority.folder / "ca.crt"))
    keys = account.account_kubeconfig(NAMESPACE, "clm-operator", proxy.url)
    monkeypatch.setenv("KUBECONFIG", str(keys))
    ahead, clock, metrics, woken = 0.0, SystemClock(), Metrics(), list[str]()
    mirror = Mirror(words=Words(lambda: clock.monotonic() + ahead))
    api = Api(await connect(), WriteBudget(100, clock.monotonic, lambda: True), metrics.request)
    watches = Watches(
        api, mirror, [NAMESPACE], metrics, lambda *_: None, woken.append, lambda: None,
        lambda _: None,
    )  # fmt: skip
    first = asyncio.create_task(watches.run())
    await comes(lambda: mirror.knows(NAMESPACE), "everything is listed")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    proxy.judge, ahead = without_jobs, SILENCE_S + 1
    woken.clear()
    second = asyncio.create_task(replace(watches).run())
    heard = [kind for kind in KINDS if kind != "Job"]
    await comes(lambda: len(woken) == len(heard), "all others are heard of again")
    assert not mirror.knows(NAMESPACE)
    watches.tell_silence()
    shown = metrics.render().decode()
    for kind in KINDS:
        silent = 0.0 if kind in heard else 1.0
        assert f'clm_watch_silent{{kind="{kind}",namespace="{NAMESPACE}"}} {silent}' in shown

    proxy.judge = let_pass
    await comes(lambda: mirror.knows(NAMESPACE), "the Jobs are heard of")
    assert len(woken) == len(KINDS), "and whoever waits is woken"
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await api.close()
    proxy.stop()
