"""Promises about how a family behaves while it trains."""

from unittest.mock import patch

import numpy as np

from clm_trainer import devices
from clm_trainer.testing.promises import Promise, require, require_error
from clm_trainer.testing.subject import Subject, context, holed_rows


def _progress(subject: Subject) -> None:
    told = subject.first.told
    done = [share for share, _ in told]
    require(len(done) > 1, f"it told {len(done)} times: tell at least at the beginning and the end")
    require(done == sorted(done), f"it falls: {done[:20]}")
    require(done[0] > 0, "it begins with 0")
    require(abs(done[-1] - 1) < 1e-6, f"it ends with {done[-1]}, not with 1")
    require(all(line.strip() for _, line in told), "a line for the log is empty")


def _stops(subject: Subject) -> None:
    for after in (0, min(3, len(subject.first.told) - 1)):
        told: list[str] = []

        def act(told: list[str] = told, after: int = after) -> object:
            how = {
                "progress": lambda _, line: told.append(line),
                "should_stop": lambda: len(told) >= after,
            }
            return subject.fit(how=how)

        require_error(act, ["Interrupted"], f"a fit that is told to stop after {after} lines")
        late = f"it told {len(told) - after} lines more after it had to stop"
        require(len(told) <= after + 1, late)


def _device(subject: Subject) -> None:
    def on_gpu() -> object:
        return subject.fit(how={"device": "cuda"})

    with patch.object(devices, "visible_gpus", lambda: 0):
        require_error(on_gpu, ["DeviceUnavailable"], "a fit with device cuda, without a GPU,")


def _importance(subject: Subject) -> None:
    shares = subject.first.fitted.importance()
    unknown = sorted(set(shares) - set(holed_rows().names))
    require(not unknown, f"it names {', '.join(unknown)}, which are no features")
    values = list(shares.values())
    require(values == sorted(values, reverse=True), "the largest is not first")
    require(not values or abs(sum(values) - 1) < 1e-6, f"the shares sum to {sum(values)}")


def _seeds(subject: Subject) -> None:
    field = subject.offer.params.model_fields.get("seeds")
    if field is None:
        return
    given = int(subject.params.get("seeds", field.get_default(call_default_factory=True) or 1))
    other = 1 if given > 1 else 2
    train, valid = holed_rows().rows(0, 2600), holed_rows().rows(2625, 3100)
    fitted = subject.family(seeds=other).fit(train, valid, context(1))
    same = np.array_equal(fitted.score(subject.test), subject.scores, equal_nan=True)
    require(not same, f"seeds {other} and seeds {given} give one model")


def _budget(subject: Subject) -> None:
    fit, most_s, most_mib = subject.first, subject.most_cpu_s, subject.most_memory_mib
    took = f"a fit on 2600 bars of two symbols took {fit.cpu_s:.1f} CPU s (most: {most_s:g})"
    took += f" and {fit.memory_mib:.0f} MiB more (most: {most_mib:g})"
    require(fit.cpu_s <= most_s and fit.memory_mib <= most_mib, took)


MANNERS: tuple[Promise[Subject], ...] = (
    Promise(
        "progress only rises and ends at 1",
        _progress,
        "call context.progress(done, line) with the done fraction in (0, 1] as training goes on",
    ),
    Promise(
        "it stops when it is told to",
        _stops,
        "ask context.should_stop() between steps, and then raise interrupted() of "
        "clm_trainer.families.base",
    ),
    Promise(
        "a GPU that is not there is no CPU",
        _device,
        "with context.device cuda call clm_trainer.devices.choose_device(1); a family that trains "
        "on the CPU alone raises ClmError(Reason.DEVICE_UNAVAILABLE, …)",
    ),
    Promise(
        "importances are shares of the features",
        _importance,
        "return shares that sum to 1, the largest first, or an empty dict",
    ),
    Promise(
        "each seed is a model of its own",
        _seeds,
        "train as many models as the parameter seeds says and average them; without that parameter "
        "train one: spec.model.custom.seeds is what counts as trials",
    ),
    Promise(
        "a fit stays within its budget",
        _budget,
        "learn fewer rows (row_stride) or fewer steps, or raise cpu_s and memory_mib of the check "
        "on purpose: a run fits so once for each fold, on more bars",
    ),
)
