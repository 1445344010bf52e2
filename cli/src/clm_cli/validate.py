"""``clm validate``: what the API server and the operator would say, without either."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from clm_api.errors import SpecError
from clm_api.images import repository
from clm_api.reasons import EXIT_CODES, Reason
from clm_api.schedule import parse_schedule
from clm_api.sizing import note as memory_note
from clm_api.training_schedule import TrainingScheduleSpec
from clm_cli import own_code
from clm_cli.manifests import Document, read
from clm_cli.output import console
from clm_cli.screen import now_utc
from clm_cli.variants import schedules_in, with_variants


def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE…", help="Manifest files.")
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="A further one, as kubectl takes it.")
    ] = None,
    *,
    local: Annotated[
        bool,
        typer.Option("--local", help="Check own code too, with the packages installed here."),
    ] = False,
) -> None:
    """Check manifests without a cluster: fields, rules, cron, zone.

    With --local, own feature sets, targets and families are made with their parameters, as a run
    does before it begins. Files are read as kubectl reads them. Warnings tell where a cron line
    has two readings, and the next clock change that meets a slot. Exit code 64 if anything is
    invalid.

    Plain kubectl: kubectl apply --dry-run=server -f FILE
    """
    named = [*(files or ()), *(more or ())]
    if not named:
        raise SpecError("FILE", "name at least one manifest file")
    now, broken = now_utc(), 0
    found = [(path, document) for path in named for document in read(path)]
    schedules = schedules_in(document for _, document in found)
    for path, alone in found:
        document, unchecked = with_variants(alone, schedules)
        faults = document.faults or (_own_faults(document) if local else ())
        mark = "[red]invalid[/]" if faults else "[green]valid[/]"
        console.print(f"{mark}  ", end="")
        _say(f"{path}: {document.name}")
        for key in document.twice:
            _say(f"  {key} stands there twice; kubectl takes the last one")
        for note in (*filter(None, [unchecked]), *_notes(document, now, local=local)):
            _say(f"  warning: {note}", "yellow")
        for fault in faults:
            _say(f"  {fault}")
        broken += bool(faults)
    if broken:
        raise typer.Exit(EXIT_CODES[Reason.SPEC_INVALID])


def _notes(document: Document, now: datetime, *, local: bool) -> tuple[str, ...]:
    """Return what is to be known of a valid schedule's slots, own code, own image and memory."""
    spec = document.spec
    if not isinstance(spec, TrainingScheduleSpec):
        return ()
    unseen = () if local else own_code.unseen(spec)
    memory = memory_note(spec)
    sized = () if memory is None else (memory,)
    return (*parse_schedule(spec).notes(now), *unseen, *_image(spec.job.image), *sized)


def _own_faults(document: Document) -> tuple[str, ...]:
    spec = document.spec
    return own_code.faults(spec) if isinstance(spec, TrainingScheduleSpec) else ()


def _image(image: str | None) -> tuple[str, ...]:
    """Say what an own image asks of the operator."""
    if image is None:
        return ()
    found = repository(image)
    if found is None:
        return (f'spec.job.image: "{image}" is not the name of an image, and will be refused',)
    told = (
        f"spec.job.image: an operator runs it only if jobPolicy.images in its chart's values "
        f"holds {found}, or a folder or registry above it"
    )
    return (told,)


def _say(text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
