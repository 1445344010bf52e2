"""What a message asks for is stored in its schedule's status: rounds make the run of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from clm_api.run_request import RunRequest
from clm_api.schedule_status import MOST_ASKED, AskedRun
from clm_api.timing import whole_seconds
from clm_operator.clock import Clock
from clm_operator.cluster.api import ApiError, ConflictError, InvalidError, NotFoundError
from clm_operator.cluster.resources import Cluster
from clm_operator.edge.namespaces import Namespaces
from clm_operator.edge.requests import Dead, Refusal, Wait
from clm_operator.mirror.objects import Key, ScheduleObject
from clm_operator.names import token_digest

_LOG = logging.getLogger(__name__)
_TRIES = 5
"""Of a write that others were faster than."""


class Taken(StrEnum):
    """What became of a message that is acknowledged."""

    ASKED = "asked"
    """Its schedule's status says that it asks for a run."""
    REPEATED = "repeated"
    """Its token did so before."""
    BURIED = "dead"
    """The dead letters have it: it is no request."""


@dataclass(frozen=True)
class Taker:
    """Stores what messages ask for.

    Parameters
    ----------
    wake
        Looks at a schedule.
    """

    cluster: Cluster
    namespaces: Namespaces
    clock: Clock
    wake: Callable[[Key], None]

    async def take(self, request: RunRequest) -> Taken | Dead | Wait:
        """Store a request, once; the schedule is read live before it.

        Raises
        ------
        InvalidError
            The API server calls the status invalid.
        NotLeadingError
            Another process may work by now.
        """
        key = Key(request.namespace, request.schedule)
        try:
            if not await self.namespaces.is_asked(key.namespace):
                text = f'namespace "{key.namespace}" is not served by this operator'
                return Dead(Refusal.NAMESPACE_NOT_SERVED, text)
            if not self.namespaces.serves(key.namespace):
                return Wait(f'namespace "{key.namespace}" refuses the operator')
            for _ in range(_TRIES):
                try:
                    return await self._store(key, request)
                except (ConflictError, NotFoundError) as error:
                    _LOG.info("%s changed meanwhile, a message looks again: %s", key, error)
        except InvalidError:
            raise
        except ApiError as error:
            return Wait(str(error))
        return Wait(f"{key} changed at each of {_TRIES} tries")

    async def _store(self, key: Key, request: RunRequest) -> Taken | Dead | Wait:
        await self.cluster.refresh("TrainingSchedule", key.namespace, key.name)
        schedule = self.cluster.mirror.schedule(key)
        if schedule is None or schedule.deleted:
            text = f'there is no TrainingSchedule "{key.name}" in namespace "{key.namespace}"'
            return Dead(Refusal.SCHEDULE_UNKNOWN, text)
        if (known := _known(schedule, request)) is not None:
            return known
        asked = AskedRun(
            token=request.token, reason=request.reason, at=whole_seconds(self.clock.now())
        )
        waiting = [one.to_json_dict() for one in (*schedule.status.asked, asked)]
        after = await self.cluster.patch_status(schedule.raw, {"asked": waiting})
        if after.get("status", {}).get("asked") != waiting:
            return Wait("the definitions are older than the operator: apply those of its version")
        self.wake(key)
        return Taken.ASKED


def _known(schedule: ScheduleObject, request: RunRequest) -> Taken | Wait | None:
    """Return what is known of a request without a write; None if it is new."""
    status = schedule.status
    if any(one.token == request.token for one in status.asked):
        return Taken.REPEATED
    if token_digest(request.token) in status.settled_tokens:
        return Taken.REPEATED
    if schedule.restoring:
        return Wait("the schedule is being restored")
    if len(status.asked) >= MOST_ASKED:
        return Wait(f"{MOST_ASKED} messages wait for a run of the schedule")
    return None
