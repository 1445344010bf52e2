"""Where events go beside Kubernetes, and how NATS is reached."""

from typing import Annotated

from pydantic import Field

from clm_api.base import Model
from clm_operator.request_settings import RequestSettings


class NatsSettings(Model):
    """A NATS server with JetStream."""

    servers: Annotated[
        list[Annotated[str, Field(pattern=r"^(nats|tls)://[^\s/@]+$", max_length=512)]],
        Field(min_length=1, max_length=16),
    ]
    """Addresses: ``tls://`` takes no server without TLS."""
    requests: RequestSettings = Field(default_factory=RequestSettings)
    """Messages that ask for runs."""


class EventSettings(Model):
    """Who is told what happens, beside Kubernetes events."""

    nats: NatsSettings | None = None
    """NATS JetStream."""
