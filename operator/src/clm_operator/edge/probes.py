"""Liveness, readiness and metrics over HTTP; an operator that is alive but blind is restarted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from clm_operator.clock import Clock
from clm_operator.edge.leader import Leader
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)
_HEARTBEAT_S = 15.0
_HEARTBEAT_LIMIT_S = 90.0
_LAG_LIMIT_S = 5.0
WATCHED = ("trainingschedules", "modelversions", "jobs", "pods")


class Health:
    """Knows whether the operator still sees the cluster, as a leader or standing by.

    Parameters
    ----------
    beat
        Lists something through the API server; raises if that fails.
    helpers
        Names of tasks without which the operator is not whole.
    """

    def __init__(
        self,
        beat: Callable[[], Awaitable[object]],
        leader: Leader,
        clock: Clock,
        metrics: Metrics,
        helpers: Sequence[str] = (),
    ) -> None:
        self._beat, self._leader, self._clock, self._metrics = beat, leader, clock, metrics
        self._helpers = helpers
        self._last_beat: float | None = None
        self._born = clock.monotonic()
        self._lag = 0.0

    async def run(self) -> None:
        """Beat and measure the loop's lag until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beats(), name="heartbeat")
            tasks.create_task(self._lags(), name="loop lag")

    async def _beats(self) -> None:
        while True:
            try:
                await self._beat()
                self._last_beat = self._clock.monotonic()
            except Exception as error:  # noqa: BLE001  the probe tells, the loop goes on
                _LOG.warning("heartbeat: %s", error)
            await asyncio.sleep(_HEARTBEAT_S if self._last_beat else 1)

    async def _lags(self) -> None:
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(1)
            self._lag = max(self._clock.monotonic() - before - 1, 0.0)
            self._metrics.loop_lag(self._lag)

    def trouble(self) -> list[str]:
        """Return what is wrong; empty when all is well."""
        now, found = self._clock.monotonic(), []
        since = now - (self._last_beat if self._last_beat is not None else self._born)
        if since > _HEARTBEAT_LIMIT_S:
            found.append(f"no answer from the API server for {since:.0f} s")
        if self._lag > _LAG_LIMIT_S:
            found.append(f"the event loop is {self._lag:.1f} s late")
        begun = self._last_beat is not None
        running = [t.get_name() for t in asyncio.all_tasks() if not t.done()]
        found.extend(
            f"no watcher for {kind}"
            for kind in WATCHED
            if begun and not any(n.startswith(f"watcher for {kind}") for n in running)
        )
        lost = [name for name in self._helpers if begun and name not in running]
        found.extend(f"the task {name} has ended" for name in lost)
        return found + self._leader.trouble()

    @property
    def ready(self) -> bool:
        """Whether the API server has answered since the start, and said who leads."""
        return self._last_beat is not None and self._leader.has_looked


async def serve(health: Health, metrics: Metrics, port: int) -> web.AppRunner:
    """Start the HTTP server and return its runner."""

    async def healthz(_: web.Request) -> web.Response:
        trouble = health.trouble()
        return web.Response(text="\n".join(trouble) or "ok", status=500 if trouble else 200)

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(
            text="ok" if health.ready else "starting", status=200 if health.ready else 503
        )

    async def show(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(metrics.render)  # thousands of schedules take seconds
        return web.Response(body=text, content_type="text/plain")

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", show)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
