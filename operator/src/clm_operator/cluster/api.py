"""Raw JSON to and from the API server: typed errors, one budget for writes, no models."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.client.rest import RESTResponse

_IN_TIME = aiohttp.ClientTimeout(total=30)
_CONNECT_S, _SILENCE_S, _WATCH_S = 10, 70, 300
"""A watch hears a bookmark every minute, or something is wrong with it."""
_EARLY_S = 5
"""A server that ends a watch sooner than so long before its time is shut down, or restarted."""
_PAGE = 500
_CONFLICT = 409
MANAGER = "clm-operator"
"""Whose name the API server notes beside the fields that the operator writes."""
USER_AGENT = f"{MANAGER}/{version(MANAGER)}"
"""Under which name the API server sees the operator's requests."""
_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
Observer = Callable[[str, int], None]
Raw = dict[str, Any]


class ApiError(Exception):
    """The API server refused or did not answer.

    Parameters
    ----------
    status
        HTTP status; 0 if there was no answer.
    """

    def __init__(self, status: int, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s


class ConflictError(ApiError):
    """The object was changed meanwhile, or exists."""


class ExistsError(ConflictError):
    """An object of that name exists."""


class DeniedError(ApiError):
    """An admission webhook or policy is against it, with whatever status it chose."""


class NotFoundError(ApiError):
    """There is no such object."""


class InvalidError(ApiError):
    """The object can't exist like this: asking again would not help."""


class ForbiddenError(ApiError):
    """A quota, an admission rule or the caller's rights are against it, perhaps only for now."""


class NotLeadingError(Exception):
    """Another process may work by now: this one writes nothing."""


_ERRORS: dict[int, type[ApiError]] = {
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: InvalidError,
}
_DENIED = re.compile(r"^admission webhook .* denied the request|ValidatingAdmissionPolicy '")
_LONGEST_RETRY_S = 3600.0
_BURST_S = 1.0


class WriteBudget:
    """Bursts up to one second's worth, then one write after the other, first come, first served.

    Parameters
    ----------
    leads
        Whether this process may write, asked right before each write.
    """

    def __init__(
        self, per_second: float, monotonic: Callable[[], float], leads: Callable[[], bool]
    ) -> None:
        self._spacing_s, self._monotonic, self._leads = 1 / per_second, monotonic, leads
        self._spent_until = monotonic()

    async def take(self) -> None:
        """Wait for one's turn.

        Raises
        ------
        NotLeadingError
            This process may not write.
        """
        now = self._monotonic()
        self._spent_until = max(self._spent_until, now) + self._spacing_s
        if (wait_s := self._spent_until - now - _BURST_S) > 0:
            await asyncio.sleep(wait_s)
        if not self._leads():
            raise NotLeadingError("another process leads by now: nothing is written")


def _unheard() -> None:
    """Tell no one that a watch has begun."""


class Api:
    """Requests to the API server.

    Parameters
    ----------
    api_client
        Connection, credentials and trust.
    budget
        Every write takes a token from it.
    observe
        Called with verb and status of every request.
    """

    def __init__(
        self, api_client: client.ApiClient, budget: WriteBudget, observe: Observer
    ) -> None:
        self._client, self._budget, self._observe = api_client, budget, observe

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, path: str) -> Raw:
        """Read one object, never from a cache.

        Raises
        ------
        NotFoundError
            There is none.
        """
        return await self._request("GET", path)

    async def list(self, path: str, selector: str = "", fields: str = "") -> list[Raw]:
        """Read all objects that a selector of labels, and one of fields, matches."""
        asked = (("labelSelector", selector), ("fieldSelector", fields))
        query = "&".join(f"{name}={quote(value)}" for name, value in asked if value)
        found = await self._request("GET", f"{path}?{query}" if query else path)
        return list(found.get("items") or ())

    async def pages(self, path: str, selector: str = "") -> AsyncIterator[Raw]:
        """Read a long list in pages; an ``items`` that is missing is empty."""
        query = f"?limit={_PAGE}" + (f"&labelSelector={quote(selector)}" if selector else "")
        token = ""
        while True:
            more = f"&continue={quote(token)}" if token else ""
            page = await self._request("GET", path + query + more)
            yield page
            if not (token := page["metadata"].get("continue", "")):
                return

    async def newest(self, path: str, selector: str = "") -> str:
        """Return the resourceVersion at which a list would be true now."""
        query = "?limit=1" + (f"&labelSelector={quote(selector)}" if selector else "")
        page = await self._request("GET", path + query)
        return str(page["metadata"]["resourceVersion"])

    async def watch(
        self, path: str, since: str, selector: str = "", opened: Callable[[], None] = _unheard
    ) -> AsyncIterator[Raw]:
        """Yield the events after a resourceVersion for five minutes, or until silence.

        Silence is nothing for longer than bookmarks are apart.

        Parameters
        ----------
        opened
            Called once the server has said that it will tell.

        Raises
        ------
        ApiError
            It was refused, broke, or ended before its time.
        """
        query = (
            f"?watch=true&allowWatchBookmarks=true&resourceVersion={since}"
            f"&timeoutSeconds={_WATCH_S}"
        )
        query += f"&labelSelector={quote(selector)}" if selector else ""
        limits = aiohttp.ClientTimeout(sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        response = await self._send("GET", path + query, None, "", limits)
        opened()
        until = asyncio.get_running_loop().time() + _WATCH_S - _EARLY_S
        try:
            left = b""
            async for chunk in response.response.content.iter_any():
                *lines, left = (left + chunk).split(b"\n")
                for line in lines:
                    yield answer_of(line, f"watch {path}")
            if asyncio.get_running_loop().time() < until:
                raise ApiError(0, f"watch {path}: it ended before its time")
        except aiohttp.SocketTimeoutError:
            return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, f"watch {path}: {error!r}") from error
        finally:
            response.response.close()

    async def create(self, path: str, body: Raw) -> Raw:
        """Create an object.

        Raises
        ------
        ExistsError
            The name is taken.
        """
        await self._budget.take()
        return await self._request("POST", _managed(path), body, "application/json")

    async def patch_status(self, path: str, version: str, status: Raw) -> Raw:
        """Merge-patch a status, guarded by the resourceVersion that was read.

        Raises
        ------
        ConflictError
            The object was changed since.
        """
        await self._budget.take()
        return await self._patch(f"{path}/status", version, {"status": status})

    async def patch(self, path: str, version: str, body: Raw) -> Raw:
        """Merge-patch an object, guarded by the resourceVersion that was read.

        Raises
        ------
        ConflictError
            The object was changed since.
        """
        await self._budget.take()
        return await self._patch(path, version, body)

    async def apply(self, path: str, body: Raw) -> None:
        """Make an object, or give it back what the operator says of it."""
        await self._budget.take()
        path = f"{_managed(path)}&force=true"
        await self._request("PATCH", path, body, "application/apply-patch+yaml")

    async def _patch(self, path: str, version: str, body: Raw) -> Raw:
        guarded = {**body, "metadata": {"resourceVersion": version}}
        return await self._request("PATCH", _managed(path), guarded, "application/merge-patch+json")

    async def delete(self, path: str, uid: str, version: str | None = None) -> Raw | None:
        """Delete the object of that uid with its dependants; gone already is fine.

        Parameters
        ----------
        version
            The resourceVersion that it must still have; None deletes whatever it is by now.

        Returns
        -------
        What is left of it while finalizers hold it, empty if nothing is, None if it is another one
        or was changed.
        """
        await self._budget.take()
        guard = {"uid": uid} | ({"resourceVersion": version} if version else {})
        body = {"propagationPolicy": "Background", "preconditions": guard}
        try:
            left = await self._request("DELETE", path, body, "application/json")
        except NotFoundError:
            return {}
        except ConflictError:
            return None
        return {} if left.get("kind") == "Status" else left

    async def _request(
        self, method: str, path: str, body: Raw | None = None, content_type: str = ""
    ) -> Raw:
        response = await self._send(method, path, body, content_type, _IN_TIME)
        try:
            data = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, f"{method} {path}: {error!r}") from error
        return answer_of(data, f"{method} {path}")

    async def _send(
        self,
        method: str,
        path: str,
        body: Raw | None,
        content_type: str,
        limits: aiohttp.ClientTimeout,
    ) -> RESTResponse:
        """Return an answer of success whose body is still to be read."""
        headers: dict[str, str] = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if content_type:
            headers["Content-Type"] = content_type
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self._client.configuration.host + path
        try:
            response = await self._client.call_api(
                method, url, headers, body=body, _request_timeout=limits
            )
            good = 200 <= response.status < 300
            data = b"" if good else await response.read()
        except ApiException as error:
            self._observe(method, error.status or 0)
            raise typed(
                error.status or 0, str(error.body or error.reason), error.headers
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._observe(method, 0)
            raise ApiError(0, f"{method} {path}: {error!r}") from error
        self._observe(method, response.status)
        if not good:
            raise typed(response.status, data.decode(errors="replace"), response.headers)
        return response


def _managed(path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}fieldManager={MANAGER}"


def answer_of(data: bytes, asked: str) -> Raw:
    """Return the object that an answer holds.

    Raises
    ------
    ApiError
        It holds none: a proxy before the API server may answer with a page of its own.
    """
    try:
        parsed = json.loads(data)
    except ValueError as error:
        text = f"{asked}: the answer is no JSON: {data[:80]!r}"
        raise ApiError(0, text) from error
    except RecursionError as error:
        raise ApiError(0, f"{asked}: the answer nests too deep") from error
    if not isinstance(parsed, dict):
        raise ApiError(0, f"{asked}: the answer is no object: {data[:80]!r}")
    return parsed


def typed(status: int, text: str, headers: Any) -> ApiError:
    """Return the error that a ``metav1.Status``, or whatever else came, stands for."""
    try:
        told = json.loads(text)
        text, reason = str(told.get("message", text)), told.get("reason")
        after = (told.get("details") or {}).get("retryAfterSeconds")
    except (ValueError, AttributeError):
        text, reason, after = text[:500], None, None
    header = headers.get("Retry-After") if headers is not None else None
    if header and header.isdigit():
        after = float(header)
    seconds = min(float(after), _LONGEST_RETRY_S) if after else None
    if _DENIED.search(text):
        return DeniedError(status, text, seconds)
    if status == _CONFLICT and reason == "AlreadyExists":
        return ExistsError(status, text, seconds)
    return _ERRORS.get(status, ApiError)(status, text, seconds)


async def connect() -> client.ApiClient:
    """Return a client from the pod's service account, else from the kubeconfig."""
    configuration = client.Configuration()
    configuration.retries = False
    configuration.connection_pool_maxsize = 0  # no limit: every watch holds one
    configuration.client_session_kwargs = {"trust_env": False}  # a proxy is for the store
    if _TOKEN.exists():  # noqa: ASYNC240  once, at start-up
        config.load_incluster_config(client_configuration=configuration)
    else:
        await config.load_kube_config(
            config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration
        )
    return client.ApiClient(configuration)
