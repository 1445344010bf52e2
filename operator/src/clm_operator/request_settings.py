"""Where messages come from that ask for runs."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from clm_api.base import Model

_NAME = r"^[^\s.*>/\\]+$"


class RequestSettings(Model):
    """Messages that ask for runs."""

    enabled: bool = False
    """Whether they are taken."""
    stream: Annotated[str, Field(pattern=_NAME, max_length=255)] = "CLM_REQUESTS"
    """The JetStream stream that holds them; CLM makes none."""
    subject: Annotated[str, Field(pattern=r"^[^\s]+$", max_length=255)] = "clm.requests.>"
    """Those on these subjects are taken; a ``*`` stands for the namespace that a message names."""
    dead_letter: Annotated[str, Field(pattern=r"^[^\s*>]+$", max_length=255)] = "clm.dead-letters"
    """Where those go that are no request; a stream is to hold this subject, too."""
    consumer: Annotated[str, Field(pattern=_NAME, max_length=64)] | None = None
    """Name of the durable consumer; by default, namespace and name of the operator's Lease."""

    @model_validator(mode="after")
    def _letters_do_not_come_back(self) -> Self:
        if self.subject.split(".").count("*") > 1:
            raise ValueError("subject: one * stands for the namespace: set no other")
        if _matches(self.subject, self.dead_letter):
            raise ValueError("deadLetter: what subject matches would come back as a message")
        return self


def _matches(pattern: str, subject: str) -> bool:
    """Whether a subject is one of those that a pattern of NATS stands for."""
    wanted, parts = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(parts) <= len(wanted):
            return False
        parts = parts[: len(wanted)]
    if len(wanted) != len(parts):
        return False
    return all(w in ("*", part) for w, part in zip(wanted, parts, strict=True))
