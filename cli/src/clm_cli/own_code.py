"""What a schedule names that is not CLM's own, and what a run would say of it."""

from datetime import UTC, datetime

from clm_api.parameters.own import CustomParameters
from clm_api.resolve import resolve
from clm_api.run import RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_cli.local import LOCAL_POD

OURS = ("standard", "return", "sign", "tripleBarrier")
"""Names of CLM's own feature set and targets."""


def unseen(spec: TrainingScheduleSpec) -> tuple[str, ...]:
    """Say that own code is not checked, if there is any."""
    told = [part.parameters for part in spec.model.parts]
    names = [spec.model.features.set_, spec.target.kind]
    names += [one.name for one in told if isinstance(one, CustomParameters)]
    own = [name for name in dict.fromkeys(names) if name not in OURS]
    if not own:
        return ()
    text = (
        f"own code is not checked here: {', '.join(own)}; where its packages are installed, "
        '"clm validate --local" makes it with its parameters'
    )
    return (text,)


def faults(spec: TrainingScheduleSpec) -> tuple[str, ...]:
    """Return what a run would refuse of own code, with the packages that are installed here."""
    from clm_trainer.own import check

    now = datetime.now(UTC)
    return check.faults(resolve(spec, slot=now, trials=RunTrials(), pod_defaults=LOCAL_POD))
