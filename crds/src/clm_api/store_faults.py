"""What an S3 store's answer means: its own words first, whether to ask again, what to look at.

Operator, trainer and command line read their clients' errors here, so that they judge alike.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from clm_api.reasons import Reason

_LONGEST = 300
_STATUS = re.compile(r"non-2xx status code: (\d{3})[^:\n]*:(.*?)(?=\n+Debug source:|\Z)", re.DOTALL)
"""How the client library tells an answer's status and body; what it asked for stands before."""
_DEBUG = "Debug source:"
_CODE = re.compile(r"<Code>\s*([^<\s]{1,100})\s*</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,1000})</Message>")
_CERTIFICATE = re.compile(
    r"InvalidCertificate\(\s*(?:Other\(\s*OtherError\(\s*)?(\w+)"
    r"|CERTIFICATE_VERIFY_FAILED\] certificate verify failed: ([^(]+?) \("
)
_LOOKUP = re.compile(r'error: "([^"]{1,200})"|NameResolutionError.*?\(([^()]+)\)')


@dataclass(frozen=True)
class Settings:
    """What decides over a store's address and keys, as those know it who can change it."""

    keys: str
    region: str
    endpoint: str
    authority: str
    """Where the certificate of an authority of one's own is given."""


VARIABLES = Settings(
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_CA_BUNDLE (in a cluster objectStore.caBundle)",
)
CHART = Settings(
    "the Secret that objectStore.secretName names",
    "objectStore.region",
    "objectStore.endpoint",
    "objectStore.caBundle",
)
LENT = "the keys were lent for a time, and for a run's own objects: start another run"
"""The next step of whoever holds keys that a store lent."""

_RIGHTS = "check {keys}, and what they may do with the bucket"
_BROKEN = "it is out of order or overloaded: it is asked again"
_STRANGER = (
    "it does not answer as an S3 store does: check {endpoint}; is there a proxy or a login page "
    "before it?"
)
_REFUSED = "check {endpoint}, {region} and the bucket"
_PLACE = "the bucket is in another region or at another address: check {region} and {endpoint}"
_CLOCK = "this machine's clock differs from the store's: set both by NTP"
_EXPIRED = "the keys of this session are past their time: get new ones"
_HINTS: Mapping[str, str] = {
    "AccessDenied": _RIGHTS,
    "InvalidAccessKeyId": "the store does not know this access key: check {keys}",
    "SignatureDoesNotMatch": (
        "the secret key is not the one that belongs to the access key, or a proxy changes requests "
        "on their way: check {keys}"
    ),
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "InvalidTokenId": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "NoSuchBucket": "create the bucket, or check its name",
    "InvalidBucketName": "check the bucket's name",
    "AuthorizationHeaderMalformed": _PLACE,
    "IllegalLocationConstraintException": _PLACE,
    "IncorrectEndpoint": _PLACE,
    "InvalidRegion": _PLACE,
    "PermanentRedirect": _PLACE,
    "TemporaryRedirect": _PLACE,
    "ConditionalRequestConflict": "others write the same object: it is asked again",
    "OperationAborted": "others write the same object: it is asked again",
}
"""What fits a code that S3 documents."""
_LATER = frozenset({
    "BandwidthLimitExceeded", "ConditionalRequestConflict", "InternalError", "OperationAborted",
    "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "RequestTimeout",
    "RequestTimeoutException", "ServiceUnavailable", "SlowDown", "SlowDownRead", "SlowDownWrite",
    "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequests",
    "TooManyRequestsException",
})  # fmt: skip
"""Codes that ask for patience, whatever status they come with."""
_BUSY = frozenset({408, 409, 423, 425, 429})
_BROKE = (
    "ConnectionReset|ConnectionAborted|IncompleteMessage|UnexpectedEof|BrokenPipe"
    "|Connection reset|Connection aborted"
)
_CONNECTIONS: tuple[tuple[str, str, str], ...] = (
    ("InvalidContentType|WRONG_VERSION_NUMBER", "the address answers without TLS",
     "write http:// in {endpoint}, or the port that speaks TLS"),
    ("ConnectionRefused|Connection refused", "connection refused",
     "nothing listens there: does the store run, and is the port in {endpoint} right?"),
    ("TimedOut|kind: Timeout|timed out", "no answer in time",
     "is a firewall or a NetworkPolicy between?"),
    ("Unreachable|No route to host", "no route to the store", "check {endpoint} and the network"),
    (_BROKE, "the connection broke", "it is asked again"),
    ("kind: Builder", "the address can't be asked", "check {endpoint}: https://host[:port]"),
)  # fmt: skip
"""Words of the client libraries, what happened, what to look at."""


@dataclass(frozen=True)
class Fault:
    """What a store did not do.

    Parameters
    ----------
    reason
        StorageDenied: asking again changes nothing. StorageUnavailable: it may.
    words
        The store's code and message, or what became of the connection.
    hint
        What to look at.
    status, code
        The answer's, where there was one.
    """

    reason: Reason
    words: str
    hint: str
    status: int | None = None
    code: str = ""

    @property
    def conflict(self) -> bool:
        """Whether another request stood in the way, and nothing is settled."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def about_keys(self) -> bool:
        """Whether other keys may do better."""
        named = "{keys}" in _HINTS.get(self.code, _RIGHTS) or _HINTS.get(self.code) == _EXPIRED
        return self.status in (400, 401, 403) and named

    def sentence(self, what: str = "", where: str = "", hint: str = "") -> str:
        """Return the words, then what was not done, then the hint or a better one.

        Parameters
        ----------
        what
            Object or step.
        where
            The store's address.
        """
        denied = self.reason is Reason.STORAGE_DENIED
        parts = [
            f"{self.words}: the object store {'refuses' if denied else 'does not answer'}",
            f"{'' if denied else 'for '}{what}" if what else "",
            f"({where})" if where else "",
        ]
        return f"{' '.join(part for part in parts if part)}: {hint or self.hint}"


def answered(status: int, body: str, settings: Settings) -> Fault:
    """Return what an answer means, by its status and the code in it."""
    code = found[1] if (found := _CODE.search(body)) else ""
    busy = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY or code in _LATER
    rights, moved = status in (401, 403), 300 <= status < 400
    if busy:
        hint = _HINTS.get(code, _BROKEN)
    elif rights or moved:
        hint = _HINTS.get(code, _RIGHTS if rights else _PLACE)
    else:
        hint = _HINTS.get(code, _REFUSED if code else _STRANGER)
    away = busy or (status == HTTPStatus.NOT_FOUND and not code)
    return Fault(
        Reason.STORAGE_UNAVAILABLE if away else Reason.STORAGE_DENIED,
        _words(status, code, body),
        _filled(hint, settings),
        status,
        code,
    )


def fault(text: str, settings: Settings, *, refused: bool = False) -> Fault:
    """Return what an error of the client library means.

    Parameters
    ----------
    text
        All that the error says.
    refused
        Whether its type says that rights are missing: all that a folder can tell.
    """
    if answer := _STATUS.search(text):
        return answered(int(answer[1]), answer[2], settings)
    said, _, debug = text.partition(_DEBUG)
    if refused:
        return Fault(Reason.STORAGE_DENIED, _cut(said), "check the folder's owner and mode")
    if "BareRedirect" in debug:
        words = "a redirect that does not say whereto"
        return Fault(Reason.STORAGE_DENIED, words, _filled(_PLACE, settings))
    words, hint = _connection(said, debug)
    return Fault(Reason.STORAGE_UNAVAILABLE, words, _filled(hint, settings))


class NoObjectError(OSError):
    """A 200 that no store gave: something between answered in its place, and may stop doing so."""


def require_object(path: str, tag: str | None, content_type: str) -> None:
    """Refuse an answer that is no object, such as the login page of a proxy.

    A store sends an object's tag, and no object of ours is a web page but a report. What an object
    holds decides nothing here: whoever may write it could make a wrong one look like an outage.

    Raises
    ------
    NoObjectError
        ``fault`` reads it as StorageUnavailable.
    """
    page = content_type.lower().startswith(("text/html", "application/xhtml"))
    if tag and not (page and not path.endswith(".html")):
        return
    what = "a web page" if page else "an answer without an ETag"
    raise NoObjectError(f"{what} came in the place of {path.rsplit('/', 1)[-1]}")


def absent(text: str) -> bool:
    """Whether a 404 says that an object is missing, and not that the bucket or the store is."""
    answer = _STATUS.search(text)
    if answer is None:
        return True
    code = _CODE.search(answer[2])
    return code[1] != "NoSuchBucket" if code else not answer[2].strip()


def _connection(said: str, debug: str) -> tuple[str, str]:
    """Return what became of a connection, and what to look at."""
    if found := _CERTIFICATE.search(debug or said):
        why = found[1] or found[2]
        text = f"the store's certificate is not trusted ({why})"
        if re.search("[Ee]xpired|[Nn]ot ?[Yy]et ?[Vv]alid|NotValidYet", why):
            return text, "renew it, and check this machine's clock"
        if re.search("NotValidForName|[Hh]ostname|IP address mismatch", why):
            return text, "it is made out to another name than the one in {endpoint}"
        return text, "give the certificate of its authority in {authority}"
    if "dns error" in debug or "NameResolutionError" in said:
        found = _LOOKUP.search(debug or said)
        why = f": {found[1] or found[2]}" if found else ""
        return f"dns error{why}", "check the host in {endpoint}, and this machine's DNS"
    for pattern, what, hint in _CONNECTIONS:
        if re.search(pattern, debug or said):
            return what, hint
    return _cut(said), _STRANGER


def _words(status: int, code: str, body: str) -> str:
    if not code:
        try:
            phrase = f"{status} {HTTPStatus(status).phrase}"
        except ValueError:
            phrase = f"status {status}"
        return _cut(f"{phrase}: {body}" if body.strip() else phrase)
    message = found[1] if (found := _MESSAGE.search(body)) else ""
    return _cut(f"{code}: {message}" if message else code)


def _filled(hint: str, settings: Settings) -> str:
    return hint.format(
        keys=settings.keys,
        region=settings.region,
        endpoint=settings.endpoint,
        authority=settings.authority,
    )


def _cut(text: str) -> str:
    return " ".join(text.split())[:_LONGEST].rstrip(" .:")
