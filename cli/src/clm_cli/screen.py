"""One screen about a schedule: why its newest version was judged so, and what is next."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.console import Group, RenderableType
from rich.text import Text

from clm_api.lifecycle import Stage
from clm_api.model_version import TERMINAL, Phase, ShadowStatus
from clm_api.promotion import CriterionVerdict, Verdict
from clm_api.reasons import Reason
from clm_api.restored import RESTORING
from clm_api.schedule import parse_schedule
from clm_api.schedule_status import HeldRun, LiveStatus, ReplayStatus, TrainingScheduleStatus
from clm_cli.cluster import ScheduleView, VersionView
from clm_cli.output import harmless
from clm_cli.queues import reason_of
from clm_cli.tables import Cell, table_of

_SHOWN_RUNS = 6
_NEXT_SLOTS = 3
_PATIENCE = timedelta(minutes=1)
"""An operator that serves a namespace sees a schedule within seconds."""
_SLOT_PATIENCE = timedelta(minutes=5)
"""It sees a slot within seconds too, unless thousands are due at once."""
_BAD = (("ScheduleValid", "False"), ("Stalled", "True"), ("Ready", "False"))
"""Conditions that say what is wrong, the most telling one first."""
STAGE_COLOURS = {
    Stage.CANDIDATE: "green",
    Stage.SHADOW: "magenta",
    Stage.PRODUCTION: "bold green",
    Stage.ARCHIVED: "dim",
    Stage.REJECTED: "yellow",
    Stage.FAILED: "red",
    Stage.TRAINING: "cyan",
}


def overview(schedules: list[ScheduleView], namespace: str, now: datetime) -> RenderableType:
    """Return one line per schedule."""
    if not schedules:
        begin = "Start with: kubectl apply -f examples/xgboost.yaml"
        return Text(f"No TrainingSchedules in namespace {namespace}. {begin}")
    columns = ("schedule", "when", "family", "production", "last result", "next run", "ready")
    expendable = ("family", "when", "next run")
    table = table_of(columns, map(_overview_row, schedules), expendable=expendable)
    troubles = [Text(f"{s.name}: {why}", "yellow") for s in schedules if (why := trouble(s, now))]
    troubles += [_line(f"{s.name}: {why}") for s in schedules if (why := _held_back(s))]
    troubles += [_line(f"store: {why}") for why in dict.fromkeys(map(_store, schedules)) if why]
    return Group(table, *([Text(), *troubles] if troubles else []))


def _held_back(schedule: ScheduleView) -> str:
    """Say in few words which runs can't be made, empty if none: their own screen says more."""
    held = schedule.status.held
    named = held[0].name if len(held) == 1 else f"{len(held)} runs"
    reasons = ", ".join(dict.fromkeys(run.reason for run in held))
    return f"{named} held back: {reasons}" if held else ""


def _store(schedule: ScheduleView) -> str:
    """Say why the store can't be used, empty if it can: schedules of a namespace share it."""
    found = (c for c in schedule.status.conditions if c.type == "StoreReady")
    return next((f"{c.reason}: {c.message}" for c in found if c.status == "False"), "")


def _line(text: str, style: str = "yellow") -> Text:
    """Return one line that ends where the terminal does."""
    flat = harmless(text.replace("\n", " "))
    return Text(flat, style, no_wrap=True, overflow="ellipsis")


def trouble(schedule: ScheduleView, now: datetime) -> str:
    """Return why nothing runs by a schedule; empty where all is well, or it is suspended."""
    if RESTORING in schedule.raw["metadata"].get("annotations", {}):
        return 'it is being restored; should that have been cut off, run "clm restore" again'
    observed = schedule.status.observed_generation
    if observed < schedule.raw["metadata"]["generation"] and now - schedule.changed > _PATIENCE:
        seen = "it as it is now" if observed > 0 else "it"
        return f"no operator has seen {seen}: {_does_one_serve(schedule)}"
    armed = schedule.status.next_schedule_time
    if armed is not None and now - armed > _SLOT_PATIENCE:
        return f"no operator has seen that its slot came: {_does_one_serve(schedule)}"
    if schedule.problem:
        return f"{Reason.SPEC_INVALID}: {schedule.problem}"
    conditions = {c.type: c for c in schedule.status.conditions}
    bad = [c for name, sign in _BAD if (c := conditions.get(name)) and c.status == sign]
    suspended = schedule.spec is not None and schedule.spec.suspend
    return "" if not bad or suspended else f"{bad[0].reason}: {bad[0].message}"


def _does_one_serve(schedule: ScheduleView) -> str:
    namespace = schedule.raw["metadata"]["namespace"]
    return f"does one run, and serve namespace {namespace}? See watchNamespaces in docs/install.md"


def _family(schedule: ScheduleView) -> str:
    return str(schedule.raw["spec"].get("model", {}).get("family", ""))


def _overview_row(schedule: ScheduleView) -> tuple[str, ...]:
    status, last = schedule.status, schedule.status.last_run
    return (
        schedule.name,
        status.schedule_text or "",
        _family(schedule),
        _production(status),
        f"{last.stage} {last.reason}" if last else "",
        moment(status.next_schedule_time),
        next((c.status for c in status.conditions if c.type == "Ready"), ""),
    )


def _production(status: TrainingScheduleStatus) -> str:
    """Return the version in production, or say that production was emptied."""
    if status.production is not None:
        return status.production.version
    return "(halted)" if status.halted else ""


def screen(schedule: ScheduleView, versions: list[VersionView], now: datetime) -> RenderableType:
    """Return everything that a person wants to know about one schedule.

    Parameters
    ----------
    versions
        Newest first.
    """
    spec, status = schedule.spec, schedule.status
    head = Text.assemble((schedule.name, "bold"), f"  {_family(schedule)}  ")
    if spec is not None:
        head.append(f"{' '.join(spec.data.symbols)} {spec.data.timeframe}  ")
    head.append(status.schedule_text or "")
    if spec is not None and spec.suspend:
        head.append("  suspended", "yellow")
    parts: list[RenderableType] = [head]
    if why := trouble(schedule, now):
        parts.append(Text(why, "yellow"))
    parts += [Text("next       " + "  ".join(_slots(schedule, now)))]
    parts += [Text(f"note       {note}") for note in status.schedule_notes]
    parts += [Text(f"held       {_held(run)}", "yellow") for run in status.held]
    if (now_there := status.production) is not None:
        asked = f"since {local(now_there.since)} by {now_there.approved_by}: {now_there.reason}"
        parts.append(Text(f"production {now_there.version}  {asked}"))
        if now_there.live is not None:
            parts.append(Text(f"live       {_live(now_there.live)}"))
    parts += _watched(status)
    if (halted := status.halted) is not None:
        asked = f"since {local(halted.since)} by {halted.by}: {halted.reason}"
        parts.append(Text(f"production none  {asked}", "yellow"))
    tested = next((v for v in versions if v.status.stage is Stage.SHADOW), None)
    if tested is not None and tested.status.shadow is not None:
        parts.append(Text(f"shadow     {tested.name}  {_shadow(tested.status.shadow)}"))
    if status.replay is not None:
        parts.append(Text(f"replayed   {_replay(status.replay)}"))
    parts += [Text(f"skipped    {s.count} × {s.reason}: {s.message}") for s in status.skipped[-2:]]
    judged = next((v for v in versions if v.status.criteria), None)
    if judged is not None:
        parts += ["", *verdicts(judged)]
    if versions:
        shown = versions[:_SHOWN_RUNS]
        parts += ["", _runs(shown), *(_line(why, style) for why, style in _whys(shown))]
    if status.conditions:
        parts += ["", _conditions(schedule)]
    return Group(*parts)


_WATCHED = {
    "Drifted": ("drift", "True"),
    "Degraded": ("results", "True"),
    "Stale": ("age", "True"),
    "Executed": ("fills", "False"),
}
"""Conditions of what is in production: how a line calls them, and which status is trouble."""


def _watched(status: TrainingScheduleStatus) -> Iterator[Text]:
    """Yield one line about each thing that is watched of what is in production."""
    for said in status.conditions:
        if said.type in _WATCHED:
            name, trouble = _WATCHED[said.type]
            style = "yellow" if said.status == trouble else ""
            yield _line(f"{name:<10} {said.reason}: {said.message}".rstrip(": "), style)


def _held(run: HeldRun) -> str:
    """Say since when a run can't be made, and who refuses it in which words."""
    return f"{run.name}  since {local(run.since)}  {run.reason}: {run.message}"


def _live(live: LiveStatus) -> str:
    """Say how production has done since it came there."""
    said = [f"{live.bars} bars", f"{live.trades} trades"]
    shown = (("return", live.total_return, "+z.2%"), ("maxdd", live.max_drawdown, "z.3f"))
    said += [f"{name} {value:{form}}" for name, value, form in shown if value is not None]
    if live.sharpe is not None:
        said.append(f"sharpe {live.sharpe:z.2f}")
    return ", ".join(said)


def _shadow(test: ShadowStatus) -> str:
    """Say how the shadow test stands."""
    words = test.message or f"since {local(test.since)}"
    return f"{test.verdict}: {words}" if test.verdict else words


def _replay(newest: ReplayStatus) -> str:
    """Say what the newest replay found, or what it waits for."""
    good = newest.reason == Reason.REPLAYED
    how = "" if good else f"{newest.phase} {newest.reason}".strip()
    said = ": ".join(filter(None, (how, newest.message)))
    return f"{local(newest.slot)}  {said}"


def verdicts(version: VersionView) -> list[RenderableType]:
    """Return the verdict on one version as a line and a table."""
    status = version.status
    colour = STAGE_COLOURS[status.stage]
    line = Text.assemble((version.name, "bold"), "  ", (str(status.stage), colour))
    line.append(f"  {status.reason}")
    columns = ("metric", "value", "", "threshold", "verdict")
    return [line, table_of(columns, map(_criterion, status.criteria)), *_evidence(version)]


def _criterion(row: CriterionVerdict) -> tuple[Cell, ...]:
    colour = "green" if row.verdict is Verdict.PASSED else "red"
    value = "undefined" if row.value is None else f"{row.value:z.4g}"
    return row.name, value, row.operator, f"{row.threshold:zg}", Text(row.verdict, colour)


def _evidence(version: VersionView) -> list[RenderableType]:
    metrics = version.status.metrics
    if metrics is None or metrics.psr is None:
        return []
    deflated = metrics.deflated_sharpe
    more = "" if deflated is None else f"  deflated {deflated:z.3f}"
    trials = version.spec.run.trials.count
    noun = "trial" if trials == 1 else "trials"
    return [Text(f"significance: PSR {metrics.psr:z.3f}{more} over {trials} {noun}")]


def _runs(versions: list[VersionView]) -> RenderableType:
    columns = ("run", "trigger", "phase", "stage", "sharpe", "trades", "reason", "ended")
    return table_of(
        columns, map(_run, versions), expendable=("trigger", "ended", "phase", "trades")
    )


def _whys(versions: list[VersionView]) -> Iterator[tuple[str, str]]:
    """Yield why runs wait or have failed, and the colour of that."""
    for version in versions:
        status = version.status
        if why := hindrance(version):
            yield f"waits      {version.name}  {why}", "yellow"
        elif status.phase is Phase.FAILED and status.message:
            yield f"failed     {version.name}  {status.reason}: {status.message}", "red"


def hindrance(version: VersionView) -> str:
    """Return what holds a run up, or why its last pod ended; empty while it works or has ended."""
    status = version.status
    works = status.phase is Phase.RUNNING and status.reason in ("", Reason.TRAINING_STARTED)
    if status.phase in TERMINAL or works or not status.message:
        return ""
    return ": ".join(filter(None, (reason_of(status), status.message)))


def _run(version: VersionView) -> tuple[Cell, ...]:
    status, metrics = version.status, version.status.metrics
    phase = str(status.phase)
    if status.phase is Phase.RUNNING and status.progress:
        phase += f" {status.progress.percent} %"
    sharpe = metrics.sharpe if metrics else None
    return (
        version.name,
        str(version.spec.trigger.type),
        phase,
        Text(status.stage, STAGE_COLOURS[status.stage]),
        "" if sharpe is None else f"{sharpe:z.2f}",
        "" if metrics is None or metrics.trades is None else str(metrics.trades),
        status.reason,
        moment(status.completion_time),
    )


def _conditions(schedule: ScheduleView) -> RenderableType:
    rows = ((c.type, c.status, c.reason, c.message) for c in schedule.status.conditions)
    return table_of(("condition", "status", "reason", "message"), rows, prose=("message",))


def _slots(schedule: ScheduleView, now: datetime) -> list[str]:
    """Return the next slots in local time, the first one as the operator armed it."""
    first = schedule.status.next_schedule_time
    if schedule.spec is None:
        return ["none: invalid"]
    if schedule.spec.suspend or first is None:
        return ["none: suspended" if schedule.spec.suspend else "not armed yet"]
    times = slots_ahead(schedule, _NEXT_SLOTS)
    wait = int((first - now).total_seconds()) // 60
    shown = [local(t) for t in times]
    shown[0] += f" (in {wait // 60} h {wait % 60} min)" if wait >= 0 else " (due)"
    return shown


def slots_ahead(schedule: ScheduleView, most: int) -> list[datetime]:
    """Return the next slots, the first one as the operator armed it; none while suspended."""
    first = schedule.status.next_schedule_time
    if schedule.spec is None or schedule.spec.suspend or first is None:
        return []
    slots = parse_schedule(schedule.spec)
    times = [first]
    while len(times) < most and (after := slots.after(times[-1], first)) is not None:
        times.append(after)
    return times


def local(time: datetime | None) -> str:
    """Write a time in the reader's zone."""
    return "" if time is None else time.astimezone().strftime("%a %Y-%m-%d %H:%M %Z")


def moment(time: datetime | None) -> str:
    """Write a time in the reader's zone for a column."""
    return "" if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def now_utc() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)
