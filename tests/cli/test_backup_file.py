"""A backup that is not whole is refused before anything of it is restored, by entry and field."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clm_api.errors import SpecError
from clm_cli.backup_file import read_backup
from clm_cli.saved import Saved, kept
from clm_trainer.storage import Storage
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.test_saved import OWNER, version

Raw = dict[str, Any]
Spoil = Callable[[Raw], object]


def saved(namespace: str = "trading") -> Saved:
    """Return a backup of one schedule and one version."""
    return Saved(
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), server="https://lost",
        namespace=namespace, schedules=[kept(deepcopy(OWNER))], versions=[kept(version())],
    )  # fmt: skip


NAME = version()["metadata"]["name"]
A_SCHEDULE, A_VERSION = "schedules[0] (btc-eth): ", f"versions[0] ({NAME}): "


def meta(kind: str, name: str, value: object) -> Spoil:
    return lambda raw: raw[kind][0]["metadata"].update({name: value})


def without(kind: str, *path: str) -> Spoil:
    def spoil(raw: Raw) -> None:
        part = raw[kind][0]
        for name in path[:-1]:
            part = part[name]
        del part[path[-1]]

    return spoil


def status(kind: str, **values: object) -> Spoil:
    return lambda raw: raw[kind][0].setdefault("status", {}).update(values)


def put(kind: str, name: str, value: object) -> Spoil:
    return lambda raw: raw[kind][0].update({name: value})


CASES: dict[str, tuple[Spoil, str]] = {
    "a schedule without metadata": (without("schedules", "metadata"), "schedules[0].metadata: "),
    "a schedule without a name": (without("schedules", "metadata", "name"),
                                  "schedules[0].metadata.name: "),
    "a schedule without a uid": (without("schedules", "metadata", "uid"),
                                 f"{A_SCHEDULE}metadata.uid: "),
    "a schedule without a time": (without("schedules", "metadata", "creationTimestamp"),
                                  f"{A_SCHEDULE}metadata.creationTimestamp: "),
    "a schedule without a generation": (without("schedules", "metadata", "generation"),
                                        f"{A_SCHEDULE}metadata.generation: "),
    "a schedule without a spec": (without("schedules", "spec"), f"{A_SCHEDULE}spec: "),
    "a schedule without a kind": (without("schedules", "kind"), f"{A_SCHEDULE}kind: "),
    "a schedule without an API": (without("schedules", "apiVersion"), f"{A_SCHEDULE}apiVersion: "),
    "a version without metadata": (without("versions", "metadata"), "versions[0].metadata: "),
    "a version without a uid": (without("versions", "metadata", "uid"),
                                f"{A_VERSION}metadata.uid: "),
    "a version without a spec": (without("versions", "spec"), f"{A_VERSION}spec: "),
    "a version of no schedule": (without("versions", "spec", "scheduleRef"),
                                 f"{A_VERSION}spec.scheduleRef: "),
    "a version of a schedule that is not in it": (
        lambda raw: raw["versions"][0]["spec"]["scheduleRef"].update(uid="another"),
        f"{A_VERSION}spec.scheduleRef.uid: no schedule of this backup has it"),
    "a Secret among the schedules": (put("schedules", "kind", "Secret"), f"{A_SCHEDULE}kind: "),
    "a schedule among the versions": (put("versions", "kind", "TrainingSchedule"),
                                      f"{A_VERSION}kind: "),
    "another group": (put("schedules", "apiVersion", "v1"), f"{A_SCHEDULE}apiVersion: "),
    "a list for metadata": (put("schedules", "metadata", []), "schedules[0].metadata: "),
    "a list for labels": (meta("schedules", "labels", []), f"{A_SCHEDULE}metadata.labels: "),
    "a number for an annotation": (meta("versions", "annotations", {"a": 1}),
                                   f"{A_VERSION}metadata.annotations.a: "),
    "a path for a name": (meta("schedules", "name", "../nodes/a"),
                          "schedules[0] (../nodes/a): metadata.name: "),
    "a list for a spec": (put("schedules", "spec", []), f"{A_SCHEDULE}spec: "),
    "a list for a status": (put("versions", "status", []), f"{A_VERSION}status: "),
    "null for a status": (put("schedules", "status", None), f"{A_SCHEDULE}status is null"),
    "production as a name": (status("schedules", production="v1"),
                             f"{A_SCHEDULE}status.production: "),
    "production since no time": (
        status("schedules", production={"version": "v1", "since": "long"}),
        f"{A_SCHEDULE}status.production.since: "),
    "production since a time of no zone": (
        status("schedules", production={"version": "v1", "since": "2026-01-01T00:00:00"}),
        f"{A_SCHEDULE}status.production.since: "),
    "a slot that is null": (status("schedules", lastScheduleTime=None),
                            f"{A_SCHEDULE}status: lastScheduleTime is null"),
    "a list for a promotion": (status("versions", promotion=[]),
                               f"{A_VERSION}status.promotion: "),
    "a text for an origin": (status("versions", restored="uid"), f"{A_VERSION}status.restored: "),
    "a text for an entry": (lambda raw: raw["schedules"].append("x"), "schedules[1]: "),
    "a name that stands twice": (lambda raw: raw["schedules"].append(raw["schedules"][0]),
                                 "schedules[1] (btc-eth): metadata.name: stands twice"),
    "a map for the schedules": (lambda raw: raw.update(schedules={}), "schedules: "),
    "no versions": (lambda raw: raw.pop("versions"), "versions: "),
    "another form": (lambda raw: raw.update(schemaVersion=2), "schemaVersion: "),
}  # fmt: skip


def spoilt(spoil: Spoil) -> bytes:
    raw = json.loads(saved().to_json())
    spoil(raw)
    return json.dumps(raw).encode()


@pytest.mark.parametrize("name", CASES)
def test_the_entry_and_the_field_are_named(name: str) -> None:
    spoil, said = CASES[name]
    with pytest.raises(SpecError) as caught:
        read_backup("s3://b/x.json", spoilt(spoil))
    assert caught.value.message.startswith(
        f"--store: s3://b/x.json is no whole backup of this clm: {said}"
    )
    assert "nothing of it was restored" in caught.value.message


@pytest.mark.parametrize(
    "content",
    [saved().to_json()[:-40], b"", b"[]", b"null", b"<html>log in</html>", b"\xff", b"[" * 9999],
    ids=["cut off", "empty", "a list", "null", "a page", "no UTF-8", "too deep"],
)
def test_what_is_no_backup_is_refused(content: bytes) -> None:
    with pytest.raises(SpecError, match="is no whole backup of this clm: "):
        read_backup("s3://b/x.json", content)


def test_a_whole_one_is_read() -> None:
    assert read_backup("x", saved().to_json()) == saved()


def test_a_broken_backup_restores_nothing_and_stops_no_other_namespaces(
    api: Namespace, tmp_path: Path
) -> None:
    objects = Storage(str(tmp_path))
    objects.put(saved(api.name).path, saved(api.name).to_json())
    broken = saved("another").path
    objects.put(broken, saved("another").to_json()[:-40])
    result = CliRunner().invoke(app, ["restore", "-A", "--store", objects.url])
    assert f"{objects.address(broken)} is no whole backup" in str(result.exception)
    assert "btc-eth: 1 versions" in result.stdout
    assert api.read("ModelVersion", NAME)["status"]["restored"]["uid"] == "lost-version"
