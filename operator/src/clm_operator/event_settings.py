"""Where events go beside Kubernetes, and how NATS is reached."""

from typing import Annotated

from pydantic import Field

from clm_api.base import Model
from clm_operator.request_settings import RequestSettings

_PLAIN = r"^[^\s.*>/\\]+$"


class HttpSettings(Model):
    """An endpoint that takes CloudEvents in binary mode."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", max_length=2048)]
    """Each event is posted here."""
    headers_folder: str | None = None
    """A mounted Secret: each file's name is a header, and what it holds the header's value."""
    ca_file: str | None = None
    """Certificates of an authority of one's own, trusted beside the system's."""


class NatsSettings(Model):
    """A NATS server with JetStream."""

    servers: Annotated[
        list[Annotated[str, Field(pattern=r"^(nats|tls)://[^\s/@]+$", max_length=512)]],
        Field(min_length=1, max_length=16),
    ]
    """Addresses: ``tls://`` takes no server without TLS."""
    credentials_folder: str | None = None
    """A mounted Secret with ``user.creds``, or ``token``, or ``user`` and ``password``; ``tls.crt``
    and ``tls.key`` are shown to the server."""
    ca_file: str | None = None
    """Certificates of an authority of one's own, trusted beside the system's."""
    stream: Annotated[str, Field(pattern=_PLAIN, max_length=255)] | None = "CLM_EVENTS"
    """The stream that takes ``clm.events.>``; None: no event is sent."""
    create_stream: bool = False
    """Whether it is made where it is missing."""
    requests: RequestSettings = Field(default_factory=RequestSettings)
    """Messages that ask for runs."""


class EventSettings(Model):
    """Who is told what happens, beside Kubernetes events, and who asks by messages."""

    cluster: Annotated[str, Field(pattern=r"^[-._A-Za-z0-9]+$", max_length=63)] = "clm"
    """Names this installation in the source of every event."""
    http: HttpSettings | None = None
    """An HTTP endpoint."""
    nats: NatsSettings | None = None
    """NATS JetStream."""
