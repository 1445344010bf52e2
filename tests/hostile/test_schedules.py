"""Hostile TrainingSchedules of one who may edit: refused by name, or harmless to all others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import pytest

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.mirror.objects import ScheduleObject, Version, instant
from clm_operator.round.deriving import facts_of
from clm_operator.runs.job import training_job
from clm_trainer.sources.client import make_client
from tests.hostile.tenants import NAMESPACE, OPERATOR, Answer, Raw, Tenants
from tests.operator.units import builders as b
from tests.support.schedules import schedule

TARGET = "trainingschedules?dryRun=All"
TOKEN = "clm.dev/run-now"


@dataclass(frozen=True)
class Case:
    name: str
    says: str
    """Words of the refusal; of an accepted one: what is looked at in ``safe``."""
    spec: Raw = field(default_factory=dict)
    meta: Raw = field(default_factory=dict)
    top: Raw = field(default_factory=dict)


def job(**fields: Any) -> Raw:
    return {"job": fields}


def data(**fields: Any) -> Raw:
    return {"data": fields}


def line(text: str) -> Raw:
    return {"interval": None, "schedule": text}


BY_API = [
    Case("a symbol that climbs out of its folder", "spec.data.symbols",
         data(symbols=["../../etc/passwd"])),
    Case("a symbol with a NUL", "spec.data.symbols", data(symbols=["A\0B/USDT"])),
    Case("a symbol with a letter of no width", "spec.data.symbols",
         data(symbols=["B\u200bTC/USDT"])),
    Case("a symbol of ten thousand letters", "spec.data.symbols",
         data(symbols=["A" * 10**4 + "/B"])),
    Case("a thousand symbols", "spec.data.symbols: Too many",
         data(symbols=[f"S{n}/USDT" for n in range(1000)])),
    Case("symbols that are a map", "spec.data.symbols", data(symbols={"0": "BTC/USDT"})),
    Case("an exchange that is a path", "spec.data.exchange", data(exchange="../binance")),
    Case("an exchange with a line end", "spec.data.exchange", data(exchange="binance\n")),
    Case("a Secret in a folder above", "spec.data.secretRef.name",
         data(secretRef={"name": "../x"})),
    Case("a Secret that the tenant may not read", "may not get Secret clm-store",
         data(secretRef={"name": "clm-store"})),
    Case("a history of negative length", "spec.data.lookbackDays", data(lookbackDays=-1)),
    Case("a hundred labels", "metadata.labels has more than 32",
         meta={"labels": {f"l{n}": "x" for n in range(100)}}),
    Case("a label longer than labels are", "metadata.labels", meta={"labels": {"a": "x" * 64}}),
    Case("100 KB of annotations", "metadata.annotations has more than 65536",
         meta={"annotations": {"a": "x" * 100_000}}),
    Case("300 KB of annotations", "metadata.annotations: Too long",
         meta={"annotations": {"a": "x" * 300_000}}),
    Case("a name that climbs", "metadata.name", meta={"name": "../../kube-system"}),
    Case("another namespace in the object", "namespace of the provided object does not match",
         meta={"namespace": "kube-system"}),
    Case("another kind in the object", "kind: Invalid value", top={"kind": "ModelVersion"}),
    Case("21 selectors of nodes", "spec.job.nodeSelector",
         job(nodeSelector={f"k{n}": "v" for n in range(21)})),
    Case("21 tolerations", "spec.job.tolerations", job(tolerations=[{"key": "a"}] * 21)),
    Case("a toleration of an unknown effect", "spec.job.tolerations[0].effect",
         job(tolerations=[{"key": "a", "effect": "Always"}])),
    Case("a taint's key of 400 letters", "spec.job.tolerations[0].key",
         job(tolerations=[{"key": "k" * 400}])),
    Case("memory with an exponent", "spec.job.resources.limits.memory",
         job(resources={"limits": {"memory": "1e30"}})),
    Case("less than no CPU", "spec.job.resources.requests.cpu",
         job(resources={"requests": {"cpu": -1}})),
    Case("more GPUs than a node has", "spec.job.gpu.count", job(gpu={"count": 17})),
    Case("a device with a name of 300 letters", "spec.job.gpu.resourceName",
         job(gpu={"count": 1, "resourceName": "d" * 300})),
    *(Case(f"a queue that is {what}", "spec.job.queueName", job(queueName=name)) for what, name in [
        ("named with 64 letters", "q" * 64), ("a path", "../other"), ("nameless", ""),
        ("named with a capital", "Training"), ("named with an underscore", "a_b"),
        ("an option", "-x"), ("named with dots alone", "a..b"),
    ]),
    Case("a priority class that is a path", "spec.job.priorityClass", job(priorityClass="../x")),
    Case("a Job that may run ten years", "spec.job.activeDeadlineSeconds",
         job(activeDeadlineSeconds=315_360_000)),
    Case("a Job that is kept less than no time", "spec.job.ttlSecondsAfterFinished",
         job(ttlSecondsAfterFinished=-1)),
    Case("a seed beyond all integers", "spec.model.seed", {"model": {"seed": 2**63}}),
    Case("half a level of depth", "maxDepth", {"model": {"xgboost": {"maxDepth": 1.5}}}),
    Case("parameters that are a list", "spec.model.xgboost", {"model": {"xgboost": [1] * 1000}}),
    Case("a Sharpe ratio that nothing reaches", "spec.promotion.criteria.minSharpe",
         {"promotion": {"criteria": {"minSharpe": 1e308}}}),
    Case("suspended by a text", "spec.suspend", {"suspend": "yes"}),
    Case("an interval of no length", "spec.interval", {"interval": "0m"}),
    Case("a schedule of ten thousand letters", "spec.schedule", line("0 " * 5000)),
]  # fmt: skip


def post(tenants: Tenants, case: Case) -> Raw | str:
    """Return the object as it would be stored, or the refusal."""
    made = schedule("hostile", NAMESPACE, **case.spec)
    made["metadata"] |= case.meta
    said = tenants.ask("POST", TARGET, made | case.top)
    return said.words or said.body


@pytest.mark.parametrize("case", BY_API, ids=attrgetter("name"))
def test_the_api_server_refuses(tenants: Tenants, case: Case) -> None:
    said = post(tenants, case)
    assert isinstance(said, str), "it was accepted"
    assert case.says in said


RAW = [
    ("a fee that is no number, in YAML", "costs: {feeBps: .nan}"),
    ("a fee without end, in YAML", "costs: {feeBps: .inf}"),
    ("a fee beyond all floats", "costs: {feeBps: 1e400}"),
    ("one field twice, of which the later is another", "interval: 6h, interval: 1h"),
]


def in_yaml(tenants: Tenants, text: str) -> Answer:
    """Send a schedule as YAML, which the API server reads itself."""
    interval = "" if "interval" in text else "interval: 6h, "
    body = (
        "apiVersion: clm.dev/v1alpha1\nkind: TrainingSchedule\nmetadata: {name: hostile}\n"
        f"spec: {{{interval}{text}, model: {{family: xgboost}}, data: {{symbols: [A/B]}}}}\n"
    )
    path = f"{TARGET}&fieldValidation=Strict"
    return tenants.ask("POST", path, body.encode(), Content_Type="application/yaml")


@pytest.mark.parametrize("text", [text for _, text in RAW], ids=[name for name, _ in RAW])
def test_yaml_that_json_cant_say_is_refused(tenants: Tenants, text: str) -> None:
    assert in_yaml(tenants, "costs: {feeBps: 1}").code == 201
    said = in_yaml(tenants, text)
    assert said.code in (400, 422), said.body


BY_OPERATOR = [
    Case("a pod that evicts the system's", "spec.job.priorityClassName",
         job(priorityClassName="system-node-critical")),
    Case("a runtime without a sandbox", "spec.job.runtimeClassName", job(runtimeClassName="runc")),
    Case("an image of somebody's", "spec.job.image", job(image="registry.io/anybody/x:1")),
    Case("an image behind a user's name", "spec.job.image",
         job(image="registry.io/quants@evil.io/x")),
    Case("every taint tolerated", "spec.job.tolerations[0].key",
         job(tolerations=[{"operator": "Exists"}])),
    Case("the control plane's nodes", "spec.job.nodeSelector",
         job(nodeSelector={"node-role.kubernetes.io/control-plane": "true"})),
    Case("a device of the host", "spec.job.gpu.resourceName",
         job(gpu={"count": 1, "resourceName": "smarter-devices/fuse"})),
    Case("memory for a thousand nodes", "spec.job.resources.requests.memory",
         job(resources={"requests": {"memory": "9999999999999999999999999T"}})),
    Case("all GPUs of a node", "spec.job.gpu.count: 16 is above 8", job(gpu={"count": 16})),
    Case("a zone that is a file", "spec.timeZone", line("0 0 * * *") | {"timeZone": "/etc/passwd"}),
    Case("a zone in a folder above", "spec.timeZone",
         line("0 0 * * *") | {"timeZone": "../../../etc/localtime"}),
    Case("a step of 0", "a step has to be at least 1", line("*/0 * * * *")),
    Case("an hour of ninety digits", "spec.schedule", line("0 " + "9" * 90 + " * * *")),
    Case("digits of another script", "spec.schedule", line("\uff10 0 * * *")),
    Case("a run at every second", "spec.schedule", line("@every 1s")),
    Case("a run at every minute", "more often than every 15 minutes", line("* * * * *")),
    Case("a replay at every minute", "spec.monitoring.interval",
         {"monitoring": {"interval": "1m"}}),
]  # fmt: skip


def planned(tenants: Tenants, accepted: Raw) -> b.Decided:
    """Return what the operator makes of an accepted schedule, under the chart's settings."""
    raw = accepted | {"metadata": {"resourceVersion": "1"} | accepted["metadata"]}
    seen = ScheduleObject.read(raw)
    now = instant(raw["metadata"]["creationTimestamp"])
    return b.plan(b.seen(schedule=seen, now=now), tenants.settings)


@pytest.mark.parametrize("case", BY_OPERATOR, ids=attrgetter("name"))
def test_the_operator_refuses_and_makes_nothing(tenants: Tenants, case: Case) -> None:
    accepted = post(tenants, case)
    assert isinstance(accepted, dict), accepted
    made = planned(tenants, accepted)
    assert made.schedule_status is not None
    ready = next(c for c in made.schedule_status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "SpecInvalid")
    assert case.says in ready.message
    assert not made.plan.creates


@dataclass
class Made:
    """What would be made of an accepted schedule."""

    stored: Raw
    plan: b.Decided
    version: Raw
    job: Raw
    answer: str
    """The API server's words against the Job; empty if it may exist."""
    reach: str
    """What the run's keys reach, as text."""


def made_of(tenants: Tenants, accepted: Raw) -> Made:
    seen = planned(tenants, accepted)
    manifest = seen.create_versions[-1]
    stored = tenants.ask("POST", "modelversions?dryRun=All", manifest, account=OPERATOR)
    assert stored.code == 201, stored.words
    version = Version.read({**stored.body, "status": {}})
    assert version.spec is not None
    job_ = training_job(version, version.spec, tenants.settings, version.created)
    jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs?dryRun=All"
    said = tenants.ask("POST", jobs, job_.manifest, account=OPERATOR)
    return Made(accepted, seen, manifest, job_.manifest, said.words, repr(job_.grants))


ESCAPES = "\x1b[2J\u202egnp\u2066\r\n"
PODLIKE: Raw = {
    "fetchImage": "evil:1", "serviceAccountName": "clm-operator", "hostNetwork": True,
    "hostPID": True, "command": ["sh"], "env": [{"name": "A", "value": "b"}],
    "automountServiceAccountToken": True, "securityContext": {"privileged": True},
    "volumes": [{"name": "h", "hostPath": {"path": "/"}}],
}  # fmt: skip


def _plain_pod(made: Made) -> bool:
    pod, ours = made.job["spec"]["template"]["spec"], made.stored["spec"]["job"]
    return (
        not set(PODLIKE) & set(ours)
        and pod["serviceAccountName"] == "clm-trainer"
        and not pod["automountServiceAccountToken"]
        and pod["securityContext"]["runAsNonRoot"]
        and not {"hostNetwork", "hostPID"} & set(pod)
        and all("hostPath" not in volume for volume in pod["volumes"])
        and "evil:1" not in str(pod)
    )


def _unknown_exchange(made: Made) -> bool:
    with pytest.raises(ClmError) as caught:
        make_client(made.version["spec"]["run"]["data"]["exchange"], "spot", sandbox=False)
    return caught.value.reason is Reason.SPEC_INVALID


def _named_by_hand(made: Made) -> bool:
    name, trigger = made.version["metadata"]["name"], made.version["spec"]["trigger"]
    return name.startswith("hostile-m-") and len(trigger["reason"]) <= 512


BY_HAND = {"runOnCreate": False}
SAFE: list[tuple[Case, Callable[[Made], bool]]] = [
    (Case("fields of a pod in spec.job", "", job(**PODLIKE)), _plain_pod),
    (Case("a status of one's own", "", top={"status": {"production": {"version": "x"}}}),
     lambda made: made.stored["status"] == {"observedGeneration": -1}),
    (Case("a symbol of dots", "", data(symbols=["../.."])),
     lambda made: ".." not in made.reach and "u002e" in made.reach),
    (Case("an exchange that is a part of Python", "", data(exchange="__init__")),
     _unknown_exchange),
    (Case("labels of CLM's on the schedule", "", meta={"labels": {"clm.dev/schedule": "other"}}),
     lambda made: made.job["metadata"]["labels"]["clm.dev/schedule"] == "hostile"),
    (Case("an owner in another namespace", "", meta={"ownerReferences": [
        {"apiVersion": "v1", "kind": "Namespace", "name": "kube-system", "uid": "u"}]}),
     lambda made: [o["name"] for o in made.version["metadata"]["ownerReferences"]] == ["hostile"]),
    (Case("a token of 60 KB", "", BY_HAND, {"annotations": {TOKEN: "t" * 60_000}}), _named_by_hand),
    (Case("a token of escapes and marks", "", BY_HAND, {"annotations": {TOKEN: ESCAPES}}),
     _named_by_hand),
    (Case("an empty token", "", BY_HAND, {"annotations": {TOKEN: ""}}), _named_by_hand),
    (Case("a token that climbs", "", BY_HAND, {"annotations": {TOKEN: "../../x"}}), _named_by_hand),
    (Case("a node's label with a blank", "", job(nodeSelector={"kubernetes.io/arch": "a b"})),
     lambda made: "nodeSelector" in made.answer),
    (Case("a queue with a dot in its name", "", job(queueName="a.b")),
     lambda made: made.job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "a.b"),
    (Case("a toleration that contradicts itself", "",
          job(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists", "value": "x"}])),
     lambda made: "tolerations[0]" in made.answer),
    (Case("requests above their limits", "",
          job(resources={"requests": {"memory": "3Gi"}, "limits": {"memory": "1Gi"}})),
     lambda made: "memory limit" in made.answer),
]  # fmt: skip


@pytest.mark.parametrize(("case", "safe"), SAFE, ids=[case.name for case, _ in SAFE])
def test_it_is_accepted_and_harms_nobody(
    tenants: Tenants, case: Case, safe: Callable[[Made], bool]
) -> None:
    accepted = post(tenants, case)
    assert isinstance(accepted, dict), accepted
    assert safe(made_of(tenants, accepted))


def test_a_schedule_that_says_it_is_being_restored_only_rests(tenants: Tenants) -> None:
    case = Case("", "", meta={"annotations": {"clm.dev/restoring": "x"}})
    accepted = post(tenants, case)
    assert isinstance(accepted, dict), accepted
    raw = accepted | {"metadata": {"resourceVersion": "1"} | accepted["metadata"]}
    view = b.seen(schedule=ScheduleObject.read(raw)).view
    assert facts_of(view, tenants.settings) is None
