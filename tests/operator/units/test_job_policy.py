"""What a schedule may ask of its pods: the allow-lists, and the administrator's defaults."""

from copy import deepcopy
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import pytest

from clm_api.conditions import Condition
from clm_api.families import Family, FamilyParameters
from clm_api.model_version import ModelVersionStatus, Phase
from clm_operator.jobs import policy
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.settings import Settings
from tests.operator.units import builders as b

Raw = dict[str, Any]
OPEN = {
    "jobPolicy": {
        "priorityClasses": ["low"], "workloadPriorityClasses": ["research"],
        "runtimeClasses": ["gvisor"], "tolerations": ["spot"],
        "nodeSelector": ["pool"], "resourceNames": ["example.com/npu"],
        "maximum": {"cpu": 8, "memory": "16Gi", "gpu": 2}, "images": ["registry.io/quants"],
    }
}  # fmt: skip
_LISTS = ("priorityClasses", "workloadPriorityClasses", "tolerations", "nodeSelector")
ALL = {"jobPolicy": {name: ["*"] for name in _LISTS}}


def _defaults(**pod: Any) -> Raw:
    """Settings whose defaults for xgboost say more."""
    return {"families": {"xgboost": {**b.settings().families[Family.XGBOOST], **pod}}}


@dataclass(frozen=True)
class Case:
    name: str
    job: Raw
    refused: str | None
    """The field and the value of the chart; None is allowed."""
    settings: Raw = field(default_factory=dict)


_ROLE = "node-role.kubernetes.io/control-plane"
_EVERYTHING = [{"operator": "Exists"}]
_NPU = {"gpu": {"count": 1, "resourceName": "example.com/npu"}}
CASES = [
    Case("nothing asked for", {}, None),
    Case("a priority that evicts the system", {"priorityClassName": "system-node-critical"},
         'spec.job.priorityClassName: "system-node-critical" is not allowed'),
    Case("a priority of the list", {"priorityClassName": "low"}, None, OPEN),
    Case("a priority beside the list", {"priorityClassName": "high"},
         "jobPolicy.priorityClasses in the chart's values allows low", OPEN),
    Case("the first place in the queue", {"queueName": "gpu", "priorityClass": "production"},
         'spec.job.priorityClass: "production" is not allowed: jobPolicy.workloadPriorityClasses'),
    Case("a place of the list", {"queueName": "gpu", "priorityClass": "research"}, None, OPEN),
    Case("a place beside the list", {"priorityClass": "production"},
         "jobPolicy.workloadPriorityClasses in the chart's values allows research", OPEN),
    Case("any place, where all are allowed", {"priorityClass": "production"}, None, ALL),
    Case("the defaults' place", {"priorityClass": "production"}, None,
         _defaults(priorityClass="production")),
    Case("a queue", {"queueName": "gpu"}, None),
    Case("a runtime", {"runtimeClassName": "runc-privileged"}, "spec.job.runtimeClassName"),
    Case("a runtime of the list", {"runtimeClassName": "gvisor"}, None, OPEN),
    Case("every taint", {"tolerations": _EVERYTHING}, "spec.job.tolerations[0].key"),
    Case("every taint, where any key is allowed", {"tolerations": _EVERYTHING}, None, ALL),
    Case("the control plane's taint", {"tolerations": [{"key": "nvidia.com/gpu"}, {"key": _ROLE}]},
         "spec.job.tolerations[1].key"),
    Case("a GPU node's taint", {"tolerations": [{"key": "nvidia.com/gpu"}]}, None),
    Case("a taint of the list", {"tolerations": [{"key": "spot", "operator": "Exists"}]}, None,
         OPEN),
    Case("the defaults' taint", {"tolerations": [{"key": "batch", "operator": "Exists"}]}, None,
         _defaults(tolerations=[{"key": "batch", "operator": "Exists"}])),
    Case("the control plane's nodes", {"nodeSelector": {_ROLE: "true"}},
         f'"{_ROLE}" is not allowed'),
    Case("one node by name", {"nodeSelector": {"kubernetes.io/hostname": "n1"}},
         "spec.job.nodeSelector"),
    Case("nodes by a label of the list", {"nodeSelector": {"pool": "a"}}, None, OPEN),
    Case("the defaults' nodes", {"nodeSelector": {"pool": "a"}}, None,
         _defaults(nodeSelector={"pool": "a"})),
    Case("other nodes than the defaults'", {"nodeSelector": {"pool": "b"}}, "spec.job.nodeSelector",
         _defaults(nodeSelector={"pool": "a"})),
    Case("a device", {"gpu": {"count": 1, "resourceName": "smarter-devices/fuse"}},
         "spec.job.gpu.resourceName"),
    Case("memory as a device", {"gpu": {"count": 1, "resourceName": "memory"}},
         "spec.job.gpu.resourceName"),
    Case("a device that is not used", {"gpu": {"count": 0, "resourceName": "smarter-devices/fuse"}},
         None),
    Case("a GPU", {"gpu": {"count": 1}}, None),
    Case("a device of the list", _NPU, None, OPEN),
    Case("the defaults' device", _NPU, None, _defaults(**_NPU)),
    Case("more GPUs than allowed", {"gpu": {"count": 9}}, "spec.job.gpu.count: 9 is above 8"),
    Case("more CPU than allowed", {"resources": {"requests": {"cpu": "65"}}},
         "spec.job.resources.requests.cpu: 65 is above 64"),
    Case("more memory than allowed", {"resources": {"limits": {"memory": "1Ti"}}},
         "spec.job.resources.limits.memory: 1Ti is above 512Gi"),
    Case("as much as allowed", {"resources": {"limits": {"cpu": "8000m", "memory": "16Gi"}}}, None,
         OPEN),
    Case("an own image where none is allowed", {"image": "registry.io/quants/x:1"},
         'spec.job.image: "registry.io/quants/x:1" is not allowed: jobPolicy.images in the'),
    Case("an own image of the list", {"image": "registry.io/quants/x:1"}, None, OPEN),
    Case("an own image of a folder that begins alike", {"image": "registry.io/quants-evil/x"},
         "spec.job.image", OPEN),
    Case("an own image that names none", {"image": "registry.io/quants@evil.io/x"},
         "is not the name of an image", OPEN),
    Case("CLM's image by its name", {"image": "clm-trainer:test"}, "spec.job.image"),
    Case("as much as the defaults", {"resources": {"limits": {"memory": "600Gi"}}}, None,
         _defaults(resources={"limits": {"memory": "1Ti"}})),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_schedule_asks_only_for_what_is_allowed(case: Case) -> None:
    seen = b.seen(schedule=b.schedule_object(job=case.job))
    made = b.plan(seen, b.settings(**case.settings))
    assert made.schedule_status is not None
    ready = next(c for c in made.schedule_status.conditions if c.type == "Ready")
    if case.refused is None:
        assert (ready.status, len(made.create_versions)) == ("True", 1), ready.message
    else:
        assert (ready.status, ready.reason) == ("False", "SpecInvalid")
        assert case.refused in ready.message
        assert not made.create_versions


QUEUED = [
    ("the schedule says nothing", {}, ("gpu", "training")),
    ("the schedule names a queue of its own", {"queueName": "night"}, ("night", "training")),
    ("the schedule names a place of its own", {"priorityClass": "research"}, ("gpu", "research")),
]


@pytest.mark.parametrize(("job", "place"), [r[1:] for r in QUEUED], ids=[r[0] for r in QUEUED])
def test_a_run_waits_where_its_family_does_unless_its_schedule_says_where(
    job: Raw, place: tuple[str, str]
) -> None:
    settings = b.settings(**OPEN, **_defaults(queueName="gpu", priorityClass="training"))
    made = b.plan(b.seen(schedule=b.schedule_object(job=job)), settings)
    (version,) = made.create_versions
    pod = version["spec"]["run"]["pod"]
    assert (pod["queueName"], pod["priorityClass"]) == place


_MINUTES = {
    "symbols": [f"S{number}/USDT" for number in range(50)], "timeframe": "1m", "lookbackDays": 730,
}  # fmt: skip
_FIELD = "spec.job.resources.limits.memory: "
_ABSENT = "absent, so families.xgboost in the chart's values counts: "
_NEED = "is less than the 17Gi that xgboost on 730 days of 1m bars of 50 symbols needs: set 17Gi"


@dataclass(frozen=True)
class Sized:
    name: str
    job: Raw
    pod: tuple[str, str] | str
    """Memory that is requested and its limit; or what is refused."""
    settings: Raw = field(default_factory=dict)


def _memory(request: str | None, limit: str | None) -> Raw:
    """Memory as a schedule or the values ask for it."""
    sizes = {"requests": request, "limits": limit}
    return {"resources": {part: {"memory": size} for part, size in sizes.items() if size}}


SIZED = [
    Sized("nobody says how much", {}, ("17Gi", "34752Mi")),
    Sized("the schedule says enough", _memory(None, "18Gi"), ("17Gi", "18Gi")),
    Sized("the schedule says too little", _memory(None, "4Gi"), f"{_FIELD}4Gi {_NEED}"),
    Sized("the schedule requests too little", _memory("4Gi", None),
          f"spec.job.resources.requests.memory: 4Gi {_NEED}"),
    Sized("the schedule requests little, and may have enough", _memory("4Gi", "18Gi"),
          ("4Gi", "18Gi")),
    Sized("the values say enough", {}, ("17Gi", "20Gi"), _defaults(**_memory("1Gi", "20Gi"))),
    Sized("the values say too little", {}, f"{_FIELD}{_ABSENT}8Gi {_NEED}",
          _defaults(**_memory("1Gi", "8Gi"))),
    Sized("the schedule says more than the values", _memory(None, "18Gi"), ("17Gi", "18Gi"),
          _defaults(**_memory("1Gi", "8Gi"))),
    Sized("the values say what is no size", {},
          "spec.model.family: families.xgboost.resources.limits.memory in the chart's values is '",
          _defaults(**_memory("1Gi", "lots"))),
    Sized("nobody may ask for so much", {}, f"{_FIELD}xgboost on 730 days of 1m bars of 50 symbols"
          " needs 17Gi, and 16Gi is the most that jobPolicy.maximum.memory", OPEN),
    Sized("nobody may ask for so much, and little is asked for", _memory(None, "4Gi"),
          "needs 17Gi, and 16Gi is the most that jobPolicy.maximum.memory", OPEN),
    Sized("just enough may be asked for", {}, ("17Gi", "18Gi"),
          {"jobPolicy": {"maximum": {"memory": "18Gi"}}}),
]  # fmt: skip


@pytest.mark.parametrize("case", SIZED, ids=attrgetter("name"))
def test_a_pod_has_the_memory_of_its_data_or_is_refused(case: Sized) -> None:
    large = b.schedule_object(
        job=case.job, data=_MINUTES, model={"family": "xgboost"}, evaluation={"periodDays": 90}
    )
    settings = b.settings(**case.settings)
    made = b.plan(b.seen(schedule=large), settings)
    if isinstance(case.pod, str):
        assert not made.create_versions
        assert case.pod in _ready(made).message
        assert _ready(made).reason == "SpecInvalid"
        return
    (manifest,) = made.create_versions
    resources = manifest["spec"]["run"]["pod"]["resources"]
    assert [resources[part]["memory"] for part in ("requests", "limits")] == [*case.pod]
    pending = Version.read(manifest | {"status": {}})
    assert pending.spec is not None
    assert policy.problem(Family.XGBOOST, pending.spec.run.pod, settings) is None


def test_a_version_that_was_frozen_with_too_little_memory_gets_its_job() -> None:
    pending = b.version(job=_memory("60Mi", "60Mi"))
    made = b.plan(b.seen(pending, schedule=b.schedule_object(suspend=True)), b.settings())
    assert len(made.create_jobs) == 1


def _ready(made: b.Decided) -> Condition:
    return next(c for c in made.schedule_status.conditions if c.type == "Ready")


def _refused(job: Raw) -> str:
    made = b.plan(b.seen(schedule=b.schedule_object(job=job)), b.settings())
    assert made.schedule_status is not None
    return next(c.message for c in made.schedule_status.conditions if c.type == "Ready")


def test_all_that_is_not_allowed_is_named_at_once() -> None:
    told = _refused(
        {
            "priorityClassName": "high",
            "runtimeClassName": "runc",
            "nodeSelector": {_ROLE: "true"},
            "tolerations": _EVERYTHING,
            "gpu": {"count": 9, "resourceName": "smarter-devices/fuse"},
            "resources": {"requests": {"cpu": "65"}, "limits": {"memory": "1Ti"}},
        }
    )
    fields = (
        "priorityClassName", "runtimeClassName", "nodeSelector", "tolerations[0].key",
        "gpu.resourceName", "gpu.count", "resources.requests.cpu", "resources.limits.memory",
    )  # fmt: skip
    assert [f for f in fields if f"spec.job.{f}: " not in told] == []
    assert "more" not in told


def test_of_very_many_the_rest_is_counted() -> None:
    told = _refused({"tolerations": [{"key": f"taint-{n}"} for n in range(20)]})
    named = told.count("spec.job.tolerations[")
    assert named > 5
    assert told.endswith(f"; and {20 - named} more")
    assert len(told) <= 1024


def test_an_own_image_is_looked_at_again_when_its_job_is_made() -> None:
    pending = b.version(job={"image": "registry.io/quants/x:1"})
    assert pending.spec is not None
    assert pending.spec.run.pod.fetch_image
    seen = b.seen(pending, schedule=b.schedule_object(suspend=True))
    for settings, jobs in ((b.settings(**OPEN), 1), (b.settings(), 0)):
        made = b.plan(seen, settings)
        status = next(s for v, s in made.version_statuses if v.name == pending.name)
        assert len(made.create_jobs) == jobs
        assert jobs or (status.phase, status.reason) == (Phase.FAILED, "SpecInvalid")
        assert jobs or status.message.startswith("spec.run.pod.image: ")


BLENDS = [
    ("of one flavour", ["xgboost", "lightgbm"], "clm-trainer:boosting"),
    ("of two flavours", ["xgboost", "nhits"], "clm-trainer:all"),
]


@pytest.mark.parametrize(("families", "image"), [r[1:] for r in BLENDS], ids=[r[0] for r in BLENDS])
def test_a_blend_runs_in_the_image_that_has_its_members(families: list[str], image: str) -> None:
    flavours = ("boosting", "neural", "rl", "all")
    settings = b.settings(trainer={"images": {one: f"clm-trainer:{one}" for one in flavours}})
    members = [{"family": one} for one in families]
    model = FamilyParameters.model_validate({"family": "blend", "blend": {"members": members}})
    assert settings.pod_defaults(model)["image"] == image


def test_a_blend_follows_the_flavours_that_the_values_give_its_members() -> None:
    fast = {family: {"flavour": "fast"} for family in ("xgboost", "lightgbm")}
    settings = b.settings(
        trainer={"images": {"fast": "fast:1", "all": "clm-trainer:all"}},
        families=b.settings().families | fast,
    )
    members = [{"family": "xgboost"}, {"family": "lightgbm"}]
    model = FamilyParameters.model_validate({"family": "blend", "blend": {"members": members}})
    assert settings.pod_defaults(model)["image"] == "fast:1"


def _frozen(settings: Settings) -> tuple[ModelVersionStatus, int]:
    """What becomes of a version that was made under another policy; its new Jobs."""
    pending = b.version(job={"priorityClassName": "high"})
    made = b.plan(b.seen(pending, schedule=b.schedule_object(suspend=True)), settings)
    return next(s for v, s in made.version_statuses if v.name == pending.name), len(
        made.create_jobs
    )


def test_a_version_that_was_frozen_before_the_policy_gets_no_job() -> None:
    status, jobs = _frozen(b.settings())
    assert (status.phase, jobs) == (Phase.FAILED, 0)
    assert status.message.startswith('spec.run.pod.priorityClassName: "high" is not allowed')


def test_a_version_that_the_policy_allows_gets_its_job() -> None:
    status, jobs = _frozen(b.settings(**ALL))
    assert (status.phase, jobs) == (Phase.PENDING, 1)


BAD_NAMES = ("Training", "a_b", "-x", "../other")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_stored_schedule_whose_queue_no_job_can_name_says_which_field_and_does_nothing(
    name: str,
) -> None:
    good = b.schedule_object()
    raw = deepcopy(good.raw)
    raw["spec"].setdefault("job", {})["queueName"] = name
    made = b.plan(b.seen(schedule=ScheduleObject.read(raw)))
    ready = next(c for c in made.schedule_status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "SpecInvalid")
    assert "spec.job.queueName" in ready.message
    assert (made.create_versions, made.create_jobs) == ((), ())


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_version_of_before_whose_queue_no_job_can_name_fails_and_says_which_field(
    name: str,
) -> None:
    raw = deepcopy(b.version().raw)
    raw["spec"]["run"]["pod"]["queueName"] = name
    pending = Version.read(raw | {"status": {}})
    made = b.plan(b.seen(pending, schedule=b.schedule_object(suspend=True)))
    ((_, status),) = made.version_statuses
    assert (status.phase, status.reason, made.create_jobs) == (Phase.FAILED, "SpecInvalid", ())
    assert status.message.startswith(f'spec.run.pod.queueName: "{name}" is no name')
