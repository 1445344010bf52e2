"""A round's reads of the store: what its facts say that it needs, and nothing else."""

from clm_api.layout import RunLayout, replay_report
from clm_api.report import Progress
from clm_api.timing import slot_of
from clm_operator.facts import Facts
from clm_operator.findings import Findings
from clm_operator.mirror.objects import Version
from clm_operator.round.needs import needs
from clm_operator.store.results import ArtifactReader


async def read(facts: Facts, reader: ArtifactReader) -> Findings:
    """Read what a round needs."""
    asked, schedule = needs(facts), facts.schedule

    def folder(version: Version) -> RunLayout:
        return RunLayout(schedule.namespace, schedule.name, version.run_uid)

    progress = dict[str, Progress]()
    for version, pod in asked.progress:
        if (said := await reader.progress(folder(version), pod)) is not None:
            progress[version.name] = said
    reports = {v.name: await reader.report(folder(v)) for v in asked.reports}
    verified = {v.name: await reader.report(folder(v)) for v in asked.verify}
    if asked.replay is None:
        return Findings(reports, progress, verified)
    slot = slot_of(asked.replay)
    path = replay_report(schedule.namespace, schedule.name, schedule.uid, slot)
    return Findings(reports, progress, verified, await reader.replay(path))
