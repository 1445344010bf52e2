"""What the dashboard shows: the fleet, runs, production, drift, and how the operator is."""

from tools.dashboard.panels import Column, Panel, bars, labels, lines, stat, table, timeline

_OF = '{namespace=~"$namespace",schedule=~"$schedule"}'
_NAME = "{{namespace}}/{{schedule}}"
_LABELS = ("namespace", "schedule")
_HOUR, _MONTH = 3600, 30 * 86400


def _each(metric: str) -> str:
    """Return a metric's values by schedule, whichever pod shows them."""
    return f"max by (namespace, schedule) ({metric}{_OF})"


def _grown(metric: str, by: str, of: str = "") -> str:
    return f"sum by ({by}) (increase({metric}{of}[$__rate_interval]))"


def _quantile(share: float, metric: str, by: str, span: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket[{span}])))"


def _holds(title: str, text: str, metric: str, words: tuple[str, str]) -> Panel:
    return timeline(title, text, [(_each(metric), _NAME)], words)


FLEET = (
    stat("Schedules", "Schedules that the operator serves.",
         f"count({_each('clm_failed_runs_in_a_row')}) or vector(0)"),
    stat("In production", "Schedules with a version in production.",
         f"count({_each('clm_production_since_timestamp_seconds')}) or vector(0)"),
    stat("Failing schedules", "Schedules whose last three runs have failed.",
         f"count({_each('clm_failed_runs_in_a_row')} >= 3) or vector(0)", ("red", 1)),
    stat("Drifted schedules", "Schedules whose market is no longer the one that was learned.",
         f"sum({_each('clm_drift')}) or vector(0)", ("orange", 1)),
    stat("Degraded schedules", "Schedules whose version earns less than promised.",
         f"sum({_each('clm_degraded')}) or vector(0)", ("red", 1)),
    stat("Stale schedules", "Schedules whose version is too old, or whose bars have stopped.",
         f"sum({_each('clm_stale')}) or vector(0)", ("orange", 1)),
    labels("Alerts that fire", "Each has a runbook in docs/runbooks of the sources.",
           'ALERTS{alertname=~"Clm.*",alertstate="firing"}',
           ("alertname", "severity", *_LABELS)),
    table("How schedules stand", "Each schedule in a line.", _LABELS, (
        Column("failed in a row", _each("clm_failed_runs_in_a_row")),
        Column("in production for",
               f"time() - {_each('clm_production_since_timestamp_seconds')}", "s"),
        Column("drift, share of limit", _each("clm_drift_statistic_ratio"), "percentunit"),
        Column("degraded", _each("clm_degraded"), words=("no", "yes")),
        Column("stale", _each("clm_stale"), words=("no", "yes")),
        Column("a run waits for",
               f"time() - {_each('clm_run_waiting_since_timestamp_seconds')}", "s"),
    )),
)  # fmt: skip

RUNS = (
    bars("Ended runs", "By outcome.",
         [(_grown("clm_runs_total", "outcome", _OF), "{{outcome}}")]),
    lines("Failed in a row", "Three make an alert.",
          [(f"{_each('clm_failed_runs_in_a_row')} > 0", _NAME)], limit=3),
    lines("Runs that wait", "For how long the oldest run that has not begun waits.",
          [(f"time() - {_each('clm_run_waiting_since_timestamp_seconds')}", _NAME)], "s", _HOUR),
    bars("Refused tries", "To make a version, a Job or its keys, by reason.",
         [(_grown("clm_held_back_total", "reason", _OF), "{{reason}}")]),
    lines("Duration of runs", "Half of a day's runs, and 19 of 20, took at most that long. Of all "
          "namespaces.",
          [(_quantile(0.5, "clm_run_duration_seconds", "le, family", "1d"), "{{family}}: half"),
           (_quantile(0.95, "clm_run_duration_seconds", "le, family", "1d"),
            "{{family}}: 19 of 20")], "s"),
    lines("Lateness of slots", "From a slot to the creation of its version. Of all namespaces.",
          [(_quantile(0.5, "clm_schedule_lateness_seconds", "le", "6h"), "half"),
           (_quantile(0.99, "clm_schedule_lateness_seconds", "le", "6h"), "99 of 100")], "s"),
    timeline("Missed slots", "A slot was missed in the last six hours.",
             [(f"time() - {_each('clm_slot_missed_timestamp_seconds')} < bool {6 * _HOUR}",
               _NAME)], ("none", "missed")),
    _holds("Bans", "The exchange bans the address of runs or replays.", "clm_exchange_banned",
           ("none", "banned")),
)  # fmt: skip

PRODUCTION = (
    lines("Age in production", "Since the promotion of the version in production.",
          [(f"time() - {_each('clm_production_since_timestamp_seconds')}", _NAME)], "s", _MONTH),
    bars("Decided requests", "Promotions, rollbacks and refusals, by outcome.",
         [(_grown("clm_promotions_total", "outcome", _OF), "{{outcome}}")]),
    lines("Signals are valid for", "Below 0 a bot follows positions that are out of date.",
          [(f"{_each('clm_signal_valid_until_timestamp_seconds')} - time()", _NAME)], "s"),
    _holds("Emptied", "A person halted production, or the operator stood its version down.",
           "clm_production_halted", ("no", "emptied")),
    _holds("Version in production", "Whether its ModelVersion was deleted.",
           "clm_production_version_missing", ("there", "deleted")),
)  # fmt: skip

WATCHED = (
    lines("Drift", "Largest statistic of the newest window, as a share of its limit.",
          [(_each("clm_drift_statistic_ratio"), _NAME)], "percentunit", 1),
    _holds("Drifted", "The newest windows differ from the training history.", "clm_drift",
           ("steady", "drifted")),
    _holds("Degraded", "The version in production earns less than promised.", "clm_degraded",
           ("as promised", "degraded")),
    _holds("Stale", "The version is too old, or its bars have stopped.", "clm_stale",
           ("fresh", "stale")),
    _holds("Execution", "Whether the account's fills are what was decided.",
           "clm_execution_short", ("as decided", "short")),
    lines("Shortfall of execution", "How much worse fills were than their bars' opens, in basis "
          "points.", [(_each("clm_execution_shortfall_bps"), _NAME)]),
    lines("Fills and decisions that don't match", "Since the promotion.",
          [(_each("clm_execution_unexplained_fills"), f"{_NAME}: unexplained fills"),
           (_each("clm_execution_missed_decisions"), f"{_NAME}: missed decisions")]),
)  # fmt: skip

EVENTS = (
    timeline("Sinks", "Whether the newest try to tell an event failed.",
             [("1 - max by (sink) (clm_sink_up)", "{{sink}}")], ("there", "away")),
    lines("Events that wait", "For each sink.",
          [("max by (sink) (clm_events_waiting)", "{{sink}}")]),
    lines("The oldest event waits", "For how long it has waited, for each sink.",
          [("time() - max by (sink) (clm_events_waiting_since_timestamp_seconds)", "{{sink}}")],
          "s", _HOUR),
    bars("Told events", "By sink.", [(_grown("clm_events_told_total", "sink"), "{{sink}}")]),
    bars("Events that were not taken", "Failed tries, and events refused for good, by sink.",
         [(_grown("clm_sink_failures_total", "sink"), "{{sink}}: failed tries"),
          (_grown("clm_events_refused_total", "sink"), "{{sink}}: refused")]),
    bars("Messages that ask for runs", "By what became of them.",
         [(_grown("clm_messages_total", "result"), "{{result}}")]),
    timeline("Hearing messages", "Whether NATS or the stream is away.",
             [("1 - max by (stream) (clm_messages_listening)", "{{stream}}")],
             ("heard", "away")),
)  # fmt: skip

OPERATOR = (
    stat("Pods that lead", "One is right.", "sum(clm_leader) or vector(0)"),
    stat("Pods that stand by", "They take over.", "count(clm_leader == 0) or vector(0)"),
    stat("Store refuses", "1 while the operator can't use the object store.",
         "max(clm_store_refuses) or vector(0)", ("red", 1)),
    stat("Silent watches", "Nothing was heard of them for three minutes: schedules rest.",
         "sum(clm_watch_silent) or vector(0)", ("red", 1)),
    stat("Unserved namespaces", "They refuse the operator.",
         "sum(clm_namespace_unserved) or vector(0)", ("orange", 1)),
    stat("Waiting schedules", "They wait for a worker of the pod that leads.",
         "max(clm_queue_depth and clm_leader == 1) or vector(0)", ("orange", 50)),
    lines("Queue", "Schedules that wait for a worker, by pod.", [("clm_queue_depth", "{{pod}}")]),
    lines("Lag of the event loop", "Above 5 s the operator is restarted.",
          [("clm_loop_lag_seconds", "{{pod}}")], "s", 5),
    bars("Reconciliations", "By result.",
         [(_grown("clm_reconcile_total", "result"), "{{result}}")]),
    lines("Duration of a reconciliation", "Half of them, and 99 of 100, took at most that long.",
          [(_quantile(0.5, "clm_reconcile_duration_seconds", "le", "$__rate_interval"), "half"),
           (_quantile(0.99, "clm_reconcile_duration_seconds", "le", "$__rate_interval"),
            "99 of 100")], "s"),
    bars("Requests to the API server", "By verb and code; code 0 means no answer.",
         [(_grown("clm_api_requests_total", "verb, code"), "{{verb}} {{code}}")]),
    lines("Since the newest watch event", "By kind.",
          [("time() - max by (kind) (clm_watch_last_event_timestamp_seconds)", "{{kind}}")], "s"),
)  # fmt: skip

ROWS = (
    ("Fleet", FLEET),
    ("Runs", RUNS),
    ("Production", PRODUCTION),
    ("Drift, performance, execution", WATCHED),
    ("Events and messages", EVENTS),
    ("The operator", OPERATOR),
)
