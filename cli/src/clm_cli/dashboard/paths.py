"""Where each page is, and what it is told of when it changes."""

from urllib.parse import quote, urlencode

from clm_cli.dashboard.world import Key

FLEET = "/"
SIMULATIONS = "/simulations"


def _inside(key: Key, plural: str) -> str:
    return f"/ns/{quote(key.namespace, safe='')}/{plural}/{quote(key.name, safe='')}"


def schedule_path(key: Key) -> str:
    """Return the address of a schedule's page."""
    return _inside(key, "schedules")


def version_path(key: Key) -> str:
    """Return the address of a version's page."""
    return _inside(key, "versions")


def report_path(key: Key) -> str:
    """Return the address of a version's tear sheet, for a sandboxed frame."""
    return f"{version_path(key)}/report"


def simulation_path(key: Key) -> str:
    """Return the address of a simulation's page."""
    return _inside(key, "simulations")


def simulation_report_path(key: Key) -> str:
    """Return the address of a simulation's report, for a sandboxed frame."""
    return f"{simulation_path(key)}/report"


def ask_path(key: Key) -> str:
    """Return where the forms about a schedule and its versions are sent."""
    return f"{schedule_path(key)}/ask"


def compare_path(*keys: Key) -> str:
    """Return the address of the page that compares versions."""
    return f"/compare?{urlencode([('v', f'{key.namespace}/{key.name}') for key in keys])}"


ALL_SCHEDULES = "schedules"
ALL_SIMULATIONS = "simulations"


def schedule_topic(key: Key) -> str:
    """Return the topic of a schedule and all its versions."""
    return f"schedule/{key.namespace}/{key.name}"


def version_topic(key: Key) -> str:
    """Return the topic of a version."""
    return f"version/{key.namespace}/{key.name}"


def simulation_topic(key: Key) -> str:
    """Return the topic of a simulation."""
    return f"simulation/{key.namespace}/{key.name}"
