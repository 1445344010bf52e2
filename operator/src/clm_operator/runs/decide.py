"""What a round does about runs: what came of each, which need a Job, keys, or no Job any more."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.model_version import ModelVersionSpec
from clm_operator.changes import Changes
from clm_operator.facts import Facts
from clm_operator.findings import Findings
from clm_operator.mirror.objects import Version
from clm_operator.runs.outcome import Need, outcomes_of
from clm_operator.runs.status import change_of
from clm_operator.settings import CredentialsMode


@dataclass(frozen=True)
class Run:
    """A version whose run can be read."""

    version: Version
    spec: ModelVersionSpec


@dataclass(frozen=True)
class Runs:
    """What a round does about runs.

    Parameters
    ----------
    changes
        Of versions whose run has not ended, or ends now.
    ends
        Names of versions whose run ends in this round.
    begin, lend, over
        Versions that need a Job; keys for the pods of theirs; no Job any more.
    wakes
        When to look again.
    """

    changes: Changes
    ends: frozenset[str]
    begin: tuple[Run, ...]
    lend: tuple[Run, ...]
    over: tuple[Version, ...]
    wakes: tuple[datetime, ...]


def runs_of(facts: Facts, findings: Findings) -> Runs:
    """Decide about every run."""
    outcomes = outcomes_of(facts, findings)
    runs = [(o.need, Run(o.version, o.version.spec)) for o in outcomes if o.version.spec]
    lends = facts.settings.store.credentials is CredentialsMode.PER_RUN
    return Runs(
        changes={o.version.name: change_of(o, facts) for o in outcomes if not o.version.terminal},
        ends=frozenset(o.version.name for o in outcomes if o.ends),
        begin=tuple(run for need, run in runs if need is Need.JOB),
        lend=tuple(run for need, run in runs if need is Need.KEYS and lends),
        over=tuple(o.version for o in outcomes if o.need is Need.NO_JOB),
        wakes=(
            *(facts.again.get(v.name, facts.soon) for v in facts.active),
            *facts.left_alone.values(),
        ),
    )
