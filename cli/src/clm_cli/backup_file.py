"""What a backup's file must hold, so that all of it can be brought back: checked before any is."""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from clm_api.errors import SpecError
from clm_cli.saved import Saved

_LONGEST = 200
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
Uid = Annotated[str, Field(min_length=1, max_length=36)]
Texts = dict[str, str]


class _Part(BaseModel):
    """Part of an object: what else it holds is the API server's to judge."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, found: Any) -> Any:
        for name, value in found.items() if isinstance(found, dict) else ():
            if value is None:
                raise PydanticCustomError("null", "{name} is null", {"name": name})
        return found


class _Metadata(_Part):
    name: Name
    uid: Uid
    creation_timestamp: AwareDatetime
    generation: StrictInt
    labels: Texts = {}
    annotations: Texts = {}


class _Origin(_Part):
    uid: Uid
    created: AwareDatetime


class _Production(_Part):
    version: Name
    since: AwareDatetime


class _ScheduleStatus(_Part):
    production: _Production | None = None
    last_schedule_time: AwareDatetime | None = None
    restored: _Origin | None = None


class _VersionStatus(_Part):
    phase: str = ""
    promotion: dict[str, Any] = {}
    restored: _Origin | None = None


class _Owner(_Part):
    uid: Uid


class _VersionSpec(_Part):
    schedule_ref: _Owner


class _Schedule(_Part):
    api_version: Annotated[str, Field(pattern=r"^clm\.dev/")]
    kind: Literal["TrainingSchedule"]
    metadata: _Metadata
    spec: dict[str, Any]
    status: _ScheduleStatus = _ScheduleStatus()


class _Version(_Part):
    api_version: Annotated[str, Field(pattern=r"^clm\.dev/")]
    kind: Literal["ModelVersion"]
    metadata: _Metadata
    spec: _VersionSpec
    status: _VersionStatus = _VersionStatus()


class _Entries(_Part):
    schedules: list[_Schedule]
    versions: list[_Version]


def read_backup(address: str, content: bytes) -> Saved:
    """Return what a backup holds.

    Parameters
    ----------
    address
        The file's, for messages.

    Raises
    ------
    SpecError
        It is no backup of this clm, or not a whole one; with the entry and the field.
    """
    try:
        saved = Saved.model_validate_json(content)
        found = _Entries.model_validate({"schedules": saved.schedules, "versions": saved.versions})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = f"{_place(content, first['loc'])}{first['msg']}"
        raise _refused(address, said) from error
    _belongs_together(address, found)
    return saved


def _belongs_together(address: str, found: _Entries) -> None:
    """Refuse a name that stands twice, and a version that would be left behind."""
    for kind, entries in (("schedules", found.schedules), ("versions", found.versions)):
        names = set[str]()
        for number, name in enumerate(one.metadata.name for one in entries):
            if name in names:
                raise _refused(address, f"{kind}[{number}] ({name}): metadata.name: stands twice")
            names.add(name)
    uids = {one.metadata.uid for one in found.schedules}
    for number, version in enumerate(found.versions):
        if version.spec.schedule_ref.uid not in uids:
            place = f"versions[{number}] ({version.metadata.name}): spec.scheduleRef.uid"
            raise _refused(address, f"{place}: no schedule of this backup has it")


def _place(content: bytes, location: tuple[int | str, ...]) -> str:
    """Return which entry and field an error is about, with the entry's name where it has one."""
    if not location:
        return ""
    text = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in location)
    kind, number = (*location, None, None)[:2]
    try:
        name = json.loads(content)[kind][number]["metadata"]["name"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return f"{text.removeprefix('.')}: "
    field = ".".join(str(one) for one in location[2:])
    return f"{kind}[{number}] ({str(name)[:_LONGEST]}): {f'{field}: ' if field else ''}"


def _refused(address: str, said: str) -> SpecError:
    return SpecError(
        "--store",
        f"{address} is no whole backup of this clm: {said}; nothing of it was restored: mend the "
        "file, or take an earlier one with --at",
    )
