"""What the buttons do: the same requests as the commands make, and what becomes of them."""

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from clm_api.errors import ClmError
from clm_api.lifecycle import RequestedStage
from clm_cli import asking
from clm_cli.asking import Asked, Wish
from clm_cli.cluster import Cluster
from clm_cli.dashboard.world import Key, World
from clm_cli.server import ClusterError

_KEPT = 200
_PATIENCE = timedelta(minutes=2)
_OPERATOR = 'does the operator run? See "kubectl get pods -A -l app.kubernetes.io/name=clm"'


@dataclass(frozen=True)
class Form:
    """What a form sends.

    Parameters
    ----------
    action
        A name in ``ACTIONS``.
    version
        The version that is meant; for ``rollback`` the archived one, or empty.
    replaces
        What was in production on the page that was shown; empty: nothing.
    once
        Tells the form from others: sent twice, it is one request.
    """

    schedule: Key
    action: str
    version: str
    reason: str
    replaces: str
    once: str

    @classmethod
    def read(cls, schedule: Key, fields: Mapping[str, str]) -> "Form":
        """Read the fields of a form about a schedule; one that is missing is empty."""
        named = {name: fields.get(name, "") for name in ("action", "version", "replaces", "once")}
        reason = "\n".join(fields.get("reason", "").splitlines()).strip()  # sent as CRLF
        return cls(schedule, reason=reason, **named)


@dataclass(frozen=True)
class Run:
    """A run that was asked for."""

    token: str


@dataclass(frozen=True)
class Request:
    """What became of a form so far: what was asked, or why nothing was; neither: it is asked."""

    form: Form
    at: datetime
    asked: Asked | Run | None = None
    problem: str = ""


@dataclass(frozen=True)
class Answer:
    """What a page says of a request: ``waiting``, ``done`` or ``refused``."""

    state: str
    title: str
    text: str


def _staged(stage: RequestedStage) -> Callable[[Cluster, Form], Asked]:
    def ask(cluster: Cluster, form: Form) -> Asked:
        owner = cluster.version(form.version).spec.schedule_ref.name
        if owner != form.schedule.name:
            raise ClusterError(f"{form.version} belongs to {owner}, not to {form.schedule.name}")
        return asking.promote(cluster, form.version, stage, Wish(form.reason, form.replaces))

    return ask


def _rollback(cluster: Cluster, form: Form) -> Asked:
    wish = Wish(form.reason, form.replaces)
    return asking.roll_back(cluster, form.schedule.name, form.version or None, wish)


def _halt(cluster: Cluster, form: Form) -> Asked:
    return asking.halt(cluster, form.schedule.name, Wish(form.reason, form.replaces))


def _run(cluster: Cluster, form: Form) -> Run:
    token = f"dashboard-{form.once.partition('.')[0]}"
    cluster.ask_for_run(form.schedule.name, token)
    return Run(token)


ACTIONS: Mapping[str, tuple[str, Callable[[Cluster, Form], Asked | Run]]] = {
    "promote": ("Promotion", _staged(RequestedStage.PRODUCTION)),
    "shadow": ("Shadow test", _staged(RequestedStage.SHADOW)),
    "withdraw": ("Withdrawal", _staged(RequestedStage.ARCHIVED)),
    "rollback": ("Rollback", _rollback),
    "halt": ("Halt", _halt),
    "run": ("Run", _run),
}
"""What each action is called, and what asks for it."""


@dataclass
class Ledger:
    """Takes forms, each once, and remembers what became of the newest."""

    cluster: Cluster
    clock: Callable[[], datetime]
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _requests: dict[str, Request] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    def ticket(self) -> str:
        """Return what a form of ours counts once by."""
        nonce = secrets.token_hex(12)
        return f"{nonce}.{self._signed(nonce)}"

    def take(self, form: Form) -> bool:
        """Ask for what a form wants, unless it was taken already; return whether it is of ours."""
        nonce, _, signature = form.once.partition(".")
        if not hmac.compare_digest(self._signed(nonce).encode(), signature.encode()):
            return False
        with self._lock:
            if form.once in self._requests:
                return True
            self._keep(Request(form, self.clock()))
        self._keep(self._answered(form))
        return True

    def answer(self, once: str, world: World) -> Answer | None:
        """Return what became of a form by now; None for one that nobody knows."""
        request = self._requests.get(once)
        return None if request is None else answered(request, world)

    def _answered(self, form: Form) -> Request:
        now, (_, ask) = self.clock(), ACTIONS.get(form.action, ("", None))
        if ask is None:
            return Request(form, now, problem=f'there is no action "{form.action}"')
        try:
            asked = ask(self.cluster.elsewhere(form.schedule.namespace), form)
        except ClmError as error:
            return Request(form, now, problem=f"{error.reason}: {error.message}")
        except ClusterError as error:
            return Request(form, now, problem=str(error))
        return Request(form, now, asked)

    def _keep(self, request: Request) -> None:
        self._requests[request.form.once] = request
        for once in list(self._requests)[:-_KEPT]:
            self._requests.pop(once, None)

    def _signed(self, nonce: str) -> str:
        return hmac.new(self._secret, nonce.encode(), "sha256").hexdigest()


def answered(request: Request, world: World) -> Answer:
    """Return what became of a request, as the world shows it."""
    name = ACTIONS.get(request.form.action, (request.form.action, None))[0]
    if request.problem:
        return Answer("refused", f"{name} was not asked for.", request.problem)
    match request.asked:
        case None:
            return Answer("waiting", f"{name} is being asked for.", "")
        case Run() as run:
            return _of_run(run, request, world)
        case Asked() as asked:
            return _of_stage(name, asked, request, world)


def _of_stage(name: str, asked: Asked, request: Request, world: World) -> Answer:
    version = world.single.get(Key(request.form.schedule.namespace, asked.version))
    if version is None:
        return Answer("refused", f"{name} is undecided.", f"{asked.version} is gone.")
    if (decision := asking.decision(version, asked)) is None:
        late = world.now - request.at > _PATIENCE
        why = asking.obstacle(version) or (f"Undecided so far: {_OPERATOR}" if late else "")
        return Answer("waiting", f"{name} of {asked.version} waits for the operator.", why)
    state = "done" if decision.outcome in asking.DONE else "refused"
    said = f"{asked.version} {decision.message}" if state == "done" else decision.message
    return Answer(state, f"{decision.outcome}:", said)


def _of_run(run: Run, request: Request, world: World) -> Answer:
    schedule = world.schedules.get(request.form.schedule)
    if schedule is None:
        return Answer("refused", "The schedule is gone.", "")
    try:
        versions = world.versions.get(request.form.schedule, ())
        version = asking.started(schedule, versions, run.token)
    except ClusterError as error:
        return Answer("refused", "The run was refused.", str(error))
    if version is not None:
        return Answer("done", f"Run {version.name}:", f"{version.status.phase}")
    held = [one for one in schedule.status.held if one.name.startswith(f"{schedule.name}-m-")]
    late = world.now - request.at > _PATIENCE
    why = "; ".join(f"{one.name} is held back: {one.reason}: {one.message}" for one in held)
    text = why or (f"No version yet: {_OPERATOR}" if late else "")
    return Answer("waiting", "The run waits for the operator.", text)
