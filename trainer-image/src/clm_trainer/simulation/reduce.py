"""What the last pod of a simulation does: it judges every variant, and publishes the result."""

import logging
from dataclasses import dataclass, replace
from importlib import metadata

import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.simulation_task import (
    OverfittingResult,
    SimulationManifest,
    SimulationResult,
    TaskVariant,
    VariantOrigin,
    VariantResult,
)
from clm_trainer.attempt import Attempt
from clm_trainer.evaluation.scores import Scores
from clm_trainer.host import Host
from clm_trainer.memory import give_back
from clm_trainer.revision import git_revision
from clm_trainer.simulation.judged import answer
from clm_trainer.simulation.overall import Returns, Tries, choice_of_all
from clm_trainer.simulation.prepared import Prepared
from clm_trainer.simulation.report import Report, Shown, render
from clm_trainer.simulation.slots import SlotFolder
from clm_trainer.simulation.told import Told
from clm_trainer.stages.report import library_versions

_LOG = logging.getLogger("clm_trainer")
_POINTS = 2000
"""Points of an equity curve that are kept to be drawn."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One variant after its answer: what is needed of it once all are judged.

    Parameters
    ----------
    shown
        Without ``deflated_sharpe``, which all variants decide.
    scores
        Of whatever was in production.
    """

    shown: Shown
    scores: Scores
    step: pd.Timedelta
    returns: Returns


def reduce(told: Told, attempt: str, host: Host) -> str:
    """Judge all versions in order and publish the report.

    Variants are judged one after the other; only what is shown of each is kept in memory.

    Returns
    -------
    str
        The manifest's path in the store: this attempt's, or that of a faster one.

    Raises
    ------
    ClmError
        DataInvalid: a slot has no version, or one that was made of something else. Interrupted.
        As for ``Told.prepare``; the store's.
    """
    manifest = told.layout.manifest
    if host.store.get(manifest) is not None:
        _LOG.info("%s is published already", manifest)
        return manifest
    folder = Attempt(host.store, told.layout, attempt)
    judged = []
    for variant in told.task.variants:
        if host.should_stop():
            raise ClmError(Reason.INTERRUPTED, "told to stop between two variants; it is retried")
        judged.append(_judged(told, variant, folder, host))
        give_back()
    tries = Tries.of((one.shown.facts, one.shown.run.model.seeds) for one in judged)
    shown = [
        replace(one.shown, deflated_sharpe=tries.deflated(one.scores, one.step)) for one in judged
    ]
    choice = choice_of_all([one.returns for one in judged])
    result = SimulationResult(
        variants=[_result(one) for one in shown],
        overfitting=OverfittingResult(
            probability=choice.probability, trials=choice.versions, reason=choice.reason
        ),
        judged=tries.judged,
        tries=tries.count,
    )
    folder.write(
        "results.json", result.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode()
    )
    report = Report(
        title=told.layout.name,
        uid=told.layout.uid,
        task=told.task,
        task_sha256=told.sha256,
        variants=shown,
        choice=choice,
        judged=tries.judged,
        tries=tries.count,
        files=tuple(folder.files),
        libraries=library_versions(),
        code_revision=metadata.version("clm-trainer"),
        git_revision=git_revision(),
        created_at=host.clock(),
    )
    folder.write("report.html", render(report).encode())
    published = folder.publish(
        SimulationManifest(
            attempt=attempt,
            files=list(folder.files),
            task_sha256=told.sha256,
            code_revision=report.code_revision,
            libraries=dict(report.libraries),
            variants=[one.origin for one in shown],
            created_at=report.created_at,
        )
    )
    say = (
        "%d files in %s" if published else "another attempt was faster: its result stands (%d, %s)"
    )
    _LOG.info(say, len(folder.files), told.layout.attempt_file(attempt, ""))
    return manifest


def _judged(told: Told, variant: TaskVariant, attempt: Attempt, host: Host) -> Judged:
    """Judge one variant and write its files."""
    prepared = told.prepare(variant, host)
    slots = SlotFolder(host.store, told.layout.slots(variant.name))
    prepared = _by_code_of(prepared, slots, variant.name)
    found = answer(prepared, slots)
    for name, content in found.files().items():
        attempt.write(f"variants/{variant.name}/{name}", content)
    simulation = found.simulation
    _LOG.info("variant %s: %d versions judged", variant.name, len(simulation.versions))
    equity = simulation.production.equity
    rows = sorted({*range(0, len(equity), max(1, len(equity) // _POINTS)), len(equity) - 1})
    shown = Shown(
        name=variant.name,
        run=variant.run,
        facts=found.facts,
        curve=equity[["time", "equity", "benchmark"]].iloc[rows].reset_index(drop=True),
        origin=_origin(prepared, variant),
        deflated_sharpe=None,
    )
    step = prepared.work.panel.timeframe
    return Judged(shown, simulation.scores, step, Returns.of(found.chosen))


def _by_code_of(prepared: Prepared, slots: SlotFolder, variant: str) -> Prepared:
    """Return a variant whose versions must be of the code that made its first one.

    An own image has code that this one may lack; judging needs none of it.

    Raises
    ------
    ClmError
        DataInvalid: a slot has no version.
    """
    finished = slots.finished(prepared.slots)
    absent = [slot for slot in prepared.slots if slot not in finished]
    if absent:
        text = (
            f"{len(absent)} of {len(prepared.slots)} slots of variant {variant} have no version, "
            f"the first one is {absent[0]:%Y-%m-%dT%H:%MZ} ({slots.path(absent[0])})"
        )
        raise ClmError(Reason.DATA_INVALID, f"{text}: apply the Simulation anew")
    work = prepared.work
    made_of = replace(work.made_of, code=slots.made_of(prepared.slots[0]).code)
    return replace(prepared, work=replace(work, made_of=made_of))


def _origin(prepared: Prepared, variant: TaskVariant) -> VariantOrigin:
    bars = prepared.bars
    return VariantOrigin(
        name=variant.name,
        image=variant.run.pod.image,
        seed=variant.run.model.seed,
        from_=bars.from_,
        to=bars.to,
        bars=bars.bars,
        bars_sha256=bars.sha256,
        fingerprint=prepared.work.made_of.sha256,
    )


def _result(one: Shown) -> VariantResult:
    facts = one.facts
    return VariantResult(
        name=one.name,
        versions=facts["versions"],
        failed=facts["failed"],
        passed=facts["passed"],
        promotions=len(facts["promotions"]),
        production=facts["production"],
        buy_and_hold=facts["buyAndHold"]["totalReturn"],
        deflated_sharpe=one.deflated_sharpe,
    )
