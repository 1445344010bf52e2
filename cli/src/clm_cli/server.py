"""The API server as the kubeconfig names it: one request, one answer.

The library's classes for core objects are left alone: they cost half a second to import.
"""

import http
import json
import logging
import os
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any, NoReturn

Raw = dict[str, Any]
MANAGER = "clm-cli"
"""The field manager and user agent of all that the commands write."""
_TIMEOUT_S = 20
_SILENCE_S = 300
"""A connection that brings no line of a log for so long may be dead."""
_LATER = (
    http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.BAD_GATEWAY,
    http.HTTPStatus.SERVICE_UNAVAILABLE, http.HTTPStatus.GATEWAY_TIMEOUT,
)  # fmt: skip
"""What a server, or one in front of it, answers that is busy or away for now."""
_MERGE = "application/merge-patch+json"
_JSON = "application/json"


class ClusterError(Exception):
    """The cluster can't be reached, refuses, or doesn't know the object."""


class AwayError(ClusterError):
    """The API server does not answer: it may again."""


class NotFoundError(ClusterError):
    """The namespace holds no object of that name."""


class ForbiddenError(ClusterError):
    """The reader may not do that there."""


class GoneError(ClusterError):
    """The API server no longer knows what changed since then."""


class LogCutError(ClusterError):
    """The connection ended before the log did."""


_REFUSALS: Mapping[int, type[ClusterError]] = {
    http.HTTPStatus.FORBIDDEN: ForbiddenError,
    http.HTTPStatus.GONE: GoneError,
}


class Server:
    """The API server of the kubeconfig's current context.

    Raises
    ------
    ClusterError
        There is no usable kubeconfig.
    """

    def __init__(self) -> None:
        from kubernetes import config

        logging.getLogger("urllib3").setLevel(logging.ERROR)
        files = os.environ.get("KUBECONFIG") or None
        try:
            _, current = config.list_kube_config_contexts(files)
            self._api = config.new_client_from_config(files)
        except (config.ConfigException, OSError) as error:
            raise ClusterError(
                f"no usable kubeconfig: {error}; set KUBECONFIG or check "
                '"kubectl config current-context"'
            ) from error
        self._api.user_agent = f"{MANAGER}/{metadata.version('clm-cli')}"
        self.namespace = str(current["context"].get("namespace") or "default")

    @property
    def address(self) -> str:
        """Address of the API server."""
        return str(self._api.configuration.host)

    def get(self, path: str, namespace: str, **query: str) -> Raw:
        """Read an object or a list.

        Parameters
        ----------
        namespace
            Whose objects are spoken of in what goes wrong.

        Raises
        ------
        NotFoundError
            There is no such object.
        AwayError
            The server does not answer, or asks to come again later.
        ClusterError
            The server refuses.
        """
        return self._object("GET", path, namespace, query=query)

    def create(self, path: str, namespace: str, body: Raw) -> Raw:
        """Create an object; return it as it is then."""
        return self._object("POST", path, namespace, body, {"fieldManager": MANAGER})

    def patch(self, path: str, namespace: str, body: Raw) -> Raw:
        """Merge a patch into an object; return it as it is then."""
        return self._object("PATCH", path, namespace, body, {"fieldManager": MANAGER})

    def lines(
        self,
        path: str,
        namespace: str,
        query: Mapping[str, str],
        silence_s: float = _SILENCE_S,
    ) -> Iterator[str]:
        """Return the lines of an answer as they come, once the server has begun to answer.

        Raises
        ------
        LogCutError
            While they are read: the connection broke, or brought nothing for ``silence_s``.
        """
        answer = self._answer("GET", path, namespace, None, query, (_TIMEOUT_S, silence_s))
        return _lines(answer, path)

    def _object(
        self,
        method: str,
        path: str,
        namespace: str,
        body: Raw | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Raw:
        answer = self._answer(method, path, namespace, body, query or {}, _TIMEOUT_S)
        try:
            found = json.loads(answer.data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            kind = answer.headers.get("Content-Type", "nothing")
            raise ClusterError(
                f"{self.address} answers {kind} where an API server answers JSON: does something "
                "between here and there ask you to log in?"
            )
        return found

    def _answer(
        self,
        method: str,
        path: str,
        namespace: str,
        body: Raw | None,
        query: Mapping[str, str],
        timeout: float | tuple[float, float],
    ) -> Any:
        """Return an answer that is no error, its content still unread."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "*/*", "Content-Type": _MERGE if method == "PATCH" else _JSON}
        request = self._api.param_serialize(
            method, path, query_params=list(query.items()), header_params=headers, body=body,
            auth_settings=["BearerToken"],
        )  # fmt: skip
        try:
            answer = self._api.call_api(*request, _request_timeout=timeout).response
            if answer.status >= http.HTTPStatus.BAD_REQUEST:
                _explain(answer.status, answer.data, namespace)
        except ApiException as error:
            raise self._away(error.reason) from error
        except (HTTPError, OSError) as error:
            raise self._away(getattr(error, "reason", error)) from error
        return answer

    def _away(self, why: object) -> AwayError:
        return AwayError(f"the API server at {self.address} does not answer: {why}")


def _lines(answer: Any, path: str) -> Iterator[str]:
    from urllib3.exceptions import HTTPError

    try:
        for line in answer:
            yield line.decode(errors="replace").rstrip("\r\n")
    except HTTPError as error:
        raise LogCutError(f"{path} was cut off: {error}") from error
    finally:
        answer.close()


def _explain(status: int, body: bytes, namespace: str) -> NoReturn:
    try:
        said: Mapping[str, Any] = json.loads(body)
    except ValueError:
        said = {}
    text = said.get("message") or http.HTTPStatus(status).phrase
    if status == http.HTTPStatus.NOT_FOUND:
        if "details" in said:
            raise NotFoundError(f"namespace {namespace}: {text}")
        text = f"{text}: CLM's resources are not installed here; see helm install in the README"
    if status in _LATER:
        raise AwayError(f"namespace {namespace}: {text}")
    raise _REFUSALS.get(status, ClusterError)(f"namespace {namespace}: {text}")
