"""The store's STS: keys for one run, good for what its policy says and gone when its time is up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import urllib3
from minio.credentials import AssumeRoleProvider

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.store_faults import CHART, answered, fault
from clm_api.trust import store_context
from clm_operator.jobs.access import Access, session_policy
from clm_operator.jobs.credentials import Credentials
from clm_operator.settings import StoreSettings
from clm_operator.store.own_keys import own_keys

_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_NEXT_STEP = "see Store credentials in docs/install.md, or set objectStore.credentials to Static"


@dataclass(frozen=True)
class Lender:
    """Asks the store that the operator itself uses, with the operator's own keys."""

    settings: StoreSettings

    def lend(self, forms: Sequence[Access], seconds: int) -> Credentials:
        """Return keys for the first of the forms that a policy can hold; blocks for seconds.

        Raises
        ------
        ClmError
            StorageUnavailable: no answer, or not now. StorageDenied: no, with the store's words.
        """
        policy, own = session_policy(self.settings.url, forms), own_keys()
        with _Pool(timeout=_TIMEOUT, retries=False, ssl_context=store_context()) as pool:
            provider = AssumeRoleProvider(
                sts_endpoint=self.settings.endpoint or "",
                access_key=own.access_key,
                secret_key=own.secret_key,
                duration_seconds=seconds,
                policy=policy,
                region=self.settings.region,
                http_client=pool,
            )
            try:
                lent = provider.retrieve()
            except (urllib3.exceptions.HTTPError, OSError) as error:
                found = fault(str(error), CHART)
                text = f"{found.words}: the object store does not answer, and is asked again"
                raise ClmError(Reason.STORAGE_UNAVAILABLE, f"{text}: {found.hint}") from error
            except (ValueError, SyntaxError) as error:  # the latter: it is no XML
                text = f"the object store's answer to AssumeRole is none: {_short(error)}"
                raise ClmError(Reason.STORAGE_DENIED, f"{text}; {_NEXT_STEP}") from error
        return Credentials(lent.access_key, lent.secret_key, lent.session_token or "")


class _Pool(urllib3.PoolManager):
    """Says why a store refuses: the client library keeps only the status."""

    def urlopen(self, method: str, url: str, **options: Any) -> Any:  # type: ignore[override]
        answer = super().urlopen(method, url, **options)
        if answer.status < 300:
            return answer
        found = answered(answer.status, answer.data.decode(errors="replace"), CHART)
        if found.reason is Reason.STORAGE_UNAVAILABLE:
            text = "the object store lends no credentials now, and is asked again"
            raise ClmError(found.reason, f"{found.words}: {text}")
        text = f"{found.words}: the object store refuses credentials for one run: {found.hint}"
        raise ClmError(found.reason, f"{text}; {_NEXT_STEP}")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
