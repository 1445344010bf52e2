"""Who may name a Secret in a schedule: a real API server asks its authorizer."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support import chart
from tests.support.control_plane import ControlPlane
from tests.support.ports import eventually
from tests.support.schedules import schedule

NAMESPACE, ELSEWHERE = "keys", "not-watched"
KEY: dict[str, Any] = {"data": {"ownTrades": True, "secretRef": {"name": "exchange-key"}}}
OPERATOR = f"system:serviceaccount:{NAMESPACE}:clm-operator"
READER, WRITER = "ruth-who-may-read", "wanda-who-may-not"


def _role(name: str, user: str, *rules: dict[str, Any]) -> list[dict[str, Any]]:
    api, meta = "rbac.authorization.k8s.io", {"name": name, "namespace": NAMESPACE}
    subject = {"kind": "User", "name": user, "apiGroup": api}
    return [
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": list(rules)},
        {
            "apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": meta,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": name}, "subjects": [subject],
        },
    ]  # fmt: skip


def _may_write() -> dict[str, Any]:
    kinds = ["trainingschedules", "modelversions"]
    return {"apiGroups": ["clm.dev"], "resources": kinds, "verbs": ["*"]}


@pytest.fixture(scope="module")
def guarded(defined: ControlPlane) -> Iterator[ControlPlane]:
    """The API server with the chart's policy, and two users."""
    names = [{"metadata": {"name": name}} for name in (NAMESPACE, ELSEWHERE)]
    defined.apply(*({"apiVersion": "v1", "kind": "Namespace"} | name for name in names))
    may_read = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"],
                "resourceNames": ["exchange-key"]}  # fmt: skip
    defined.apply(*_role("reader", READER, _may_write(), may_read))
    defined.apply(*_role("writer", WRITER, _may_write()))
    defined.apply(*_role("operator", OPERATOR, _may_write()))
    objects = chart.render(NAMESPACE, "minio.enabled=true")
    policy = [one for one in objects if one["metadata"]["name"].startswith("exchange-keys.")]
    assert len(policy) == 2, "the policy and its binding"
    defined.apply(*policy)
    eventually(lambda: "may not get" in _create(defined, WRITER, "probe", **KEY), "the policy acts")
    yield defined
    for one in policy:
        defined.kubectl("delete", one["kind"], one["metadata"]["name"])


def _create(plane: ControlPlane, user: str, name: str, *, dry: bool = True, **groups: Any) -> str:
    body = json.dumps(schedule(name, NAMESPACE, **groups))
    options = ("--dry-run=server",) if dry else ()
    return plane.kubectl("create", f"--as={user}", *options, "-f", "-", stdin=body, check=False)


def _patch(plane: ControlPlane, user: str, name: str, spec: dict[str, Any]) -> str:
    return plane.kubectl(
        "-n", NAMESPACE, "patch", f"--as={user}", "tsched", name, "--type=merge",
        "--dry-run=server", "-p", json.dumps({"spec": spec}), check=False,
    )  # fmt: skip


def test_who_may_read_the_secret_may_name_it(guarded: ControlPlane) -> None:
    assert "created" in _create(guarded, READER, "readers", **KEY)


@pytest.mark.parametrize("user", [WRITER, OPERATOR], ids=["a writer", "even the operator"])
def test_who_may_not_read_it_may_not_name_it(guarded: ControlPlane, user: str) -> None:
    said = _create(guarded, user, "writers", **KEY)
    assert f"spec.data.secretRef: {user} may not get Secret exchange-key" in said


def test_a_right_to_one_secret_is_none_to_another(guarded: ControlPlane) -> None:
    other: dict[str, Any] = {"data": {"ownTrades": True, "secretRef": {"name": "another"}}}
    assert "may not get Secret another" in _create(guarded, READER, "others", **other)


def test_a_secret_that_is_null_needs_no_right(guarded: ControlPlane) -> None:
    said = _create(guarded, WRITER, "nothing", data={"secretRef": None})
    assert "created" in said


def test_a_schedule_without_a_secret_needs_no_right(guarded: ControlPlane) -> None:
    assert "created" in _create(guarded, WRITER, "none")


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"suspend": True}, True),
        ({"data": {"exchange": "kraken"}}, False),
        ({"data": {"sandbox": True}}, False),
        ({"data": {"secretRef": None, "ownTrades": False}}, True),
        ({"job": {"nodeSelector": {"kubernetes.io/hostname": "mine"}}}, False),
        ({"job": {"runtimeClassName": "mine"}}, False),
        ({"job": {"activeDeadlineSeconds": 3600}}, False),
    ],
    ids=[
        "suspended",
        "sent elsewhere",
        "sent to the testnet",
        "taken out",
        "run on one's own node",
        "run by one's own runtime",
        "run for another time",
    ],
)
def test_who_may_not_read_it_can_stop_the_schedule_but_not_turn_the_key_elsewhere(
    guarded: ControlPlane, spec: dict[str, Any], *, allowed: bool
) -> None:
    if guarded.get(NAMESPACE, "tsched", "shared") is None:
        assert "created" in _create(guarded, READER, "shared", dry=False, **KEY)
    said = _patch(guarded, WRITER, "shared", spec)
    assert ("may not get" in said) == (not allowed)
    assert ("patched" in said) == allowed


def test_a_secret_cannot_be_added_later(guarded: ControlPlane) -> None:
    if guarded.get(NAMESPACE, "tsched", "plain") is None:
        _create(guarded, WRITER, "plain", dry=False)
    assert "may not get Secret" in _patch(guarded, WRITER, "plain", KEY)
    assert "patched" in _patch(guarded, READER, "plain", KEY)


@pytest.mark.parametrize("user", [OPERATOR, WRITER], ids=["by the operator", "by a writer"])
def test_a_version_that_names_it_is_the_operators_alone(guarded: ControlPlane, user: str) -> None:
    from tests.contract.test_definitions import version_of

    if guarded.get(NAMESPACE, "tsched", "versions") is None:
        assert "created" in _create(guarded, READER, "versions", dry=False, **KEY)
    body = version_of(guarded, "versions", NAMESPACE)
    create = partial(guarded.kubectl, "create", f"--as={user}", "--dry-run=server", "-f", "-")
    said = create(stdin=json.dumps(body), check=False)
    assert ("created" in said) == (user == OPERATOR), said
    assert ("may not get Secret" in said) == (user == WRITER)


def test_other_namespaces_are_left_alone(guarded: ControlPlane) -> None:
    body = json.dumps(schedule("elsewhere", ELSEWHERE, **KEY))
    assert "created" in guarded.kubectl("create", "--dry-run=server", "-f", "-", stdin=body)
