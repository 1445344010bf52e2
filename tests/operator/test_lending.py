"""The store's STS as the operator asks it: how long, how much, for whom, and what it may answer."""

import base64
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pytest
import urllib3
from minio.credentials import AssumeRoleProvider
from minio.error import MinioAdminException, S3Error

from clm_api.errors import ClmError
from clm_api.layout import RunLayout
from clm_api.run import RunSpec
from clm_operator.jobs.access import MOST_CHARACTERS, Access, run_access, session_policy
from clm_operator.jobs.credentials import SHORTEST_S, Credentials
from clm_operator.store.bucket import check_lending, check_store
from clm_operator.store.lender import Lender
from clm_operator.store.results import open_store
from clm_operator.store.runs import RunStore, Tombstone
from clm_trainer.storage import Storage
from tests.operator.units import builders as b
from tests.support.identity import IdentityProvider
from tests.support.lent_keys import Holder, lend, settings, variables
from tests.support.minio_server import MinioServer
from tests.support.ports import eventually
from tests.support.proxy import Proxy, Verdict
from tests.support.repository import ROOT
from tests.support.store_server import ACCESS_KEY, SECRET_KEY

BUCKET = "lending"
URL = f"s3://{BUCKET}/some/prefix"
RUN = RunLayout("trading", "btc-eth", "0b53b0d6-2f0c-4b7e-9a53-5a2c6a1b9f6e")
OTHER = RunLayout("trading", "btc-eth", "another-run")
ROOT_KEYS = Credentials(ACCESS_KEY, SECRET_KEY, "")


@pytest.fixture(scope="module", autouse=True)
def bucket(minio: MinioServer) -> str:
    """The bucket that keys are lent for, and one with a shorter name."""
    minio.make_bucket("clm")
    return minio.make_bucket(BUCKET)


def spec(count: int = 2, **data: Any) -> RunSpec:
    names = [f"{ascii_uppercase[i // 26]}{ascii_uppercase[i % 26]}AB/USDT" for i in range(count)]
    found = b.version(data={"refresh": "Auto", "symbols": names, **data}).spec
    assert found is not None
    return found.run


def put(who: Holder, key: str, bucket: str = BUCKET) -> None:
    who.client.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"x"), length=1)


def test_lent_keys_last_as_long_as_was_asked(minio: MinioServer) -> None:
    asked_at = datetime.now(UTC)
    lent = lend(minio, URL, run_access(RUN, spec()), seconds=9600)
    body = lent.session_token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    lasts = datetime.fromtimestamp(claims["exp"], UTC) - asked_at
    assert 9590 <= lasts.total_seconds() <= 9610


def test_after_their_time_keys_open_nothing(tmp_path: Path, pool: urllib3.PoolManager) -> None:
    """AssumeRole lends for a quarter of an hour at least; a token's own end may come sooner.

    Both kinds of keys are checked by the same code of the server.
    """
    with IdentityProvider().serve() as provider:
        minio = MinioServer.start(tmp_path / "m", provider.minio)
        try:
            url = minio.make_bucket("short")
            policy = session_policy(url, run_access(RUN, spec()))
            text = eventually(
                lambda: _by_token(minio, pool, provider.token(seconds=4), policy), "it is trusted"
            )
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            keys = (re.findall(f"<{name}>([^<]+)<", text)[0] for name in names)
            with variables(Holder(minio, Credentials(*keys), pool).environment):
                store = Storage(url, patience_s=1)
                store.put(RUN.progress("pod-1"), b"still mine")
                words = eventually(lambda: _refusal(store), "the keys have ended", seconds=30)
        finally:
            minio.close()
    assert words.startswith("StorageDenied: ")
    assert ": the object store refuses" in words
    assert "the keys were lent for a time" in words


def _by_token(minio: MinioServer, pool: urllib3.PoolManager, token: str, policy: str) -> str | None:
    """Return what is lent to the holder of a token; None while the server is only starting."""
    form = {
        "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15",
        "WebIdentityToken": token, "Policy": policy,
    }  # fmt: skip
    answer = pool.request("POST", minio.endpoint, fields=form, encode_multipart=False)
    assert answer.status in (200, 503), answer.data
    return answer.data.decode() if answer.status == 200 else None


def _refusal(store: Storage) -> str | None:
    try:
        store.put(RUN.progress("pod-1"), b"still mine")
    except ClmError as error:
        return f"{error.reason}: {error.message}"
    return None


@pytest.mark.parametrize(
    ("beyond", "answer"), [(0, "taken"), (1, "refused")], ids=["the longest", "one more"]
)
def test_the_longest_policy_that_is_offered_is_the_longest_that_minio_takes(
    minio: MinioServer, pool: urllib3.PoolManager, beyond: int, answer: str
) -> None:
    short = session_policy(URL, [Access(writes=("x",))])
    policy = short.replace("/x", "/" + "x" * (1 + MOST_CHARACTERS + beyond - len(short)))
    assert len(policy) == MOST_CHARACTERS + beyond
    provider = AssumeRoleProvider(
        sts_endpoint=minio.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY,
        policy=policy, http_client=pool,
    )  # fmt: skip
    if answer == "taken":
        assert provider.retrieve().session_token
    else:
        with pytest.raises(ValueError, match="400"):
            provider.retrieve()


@dataclass(frozen=True)
class Many:
    name: str
    count: int
    beside: bool
    """Whether another timeframe of an own symbol can be written."""
    others: bool
    """Whether the same timeframe of another symbol can be written."""


MANY = [
    Many("15 symbols: only their series", 15, beside=False, others=False),
    Many("33 symbols: anything of theirs", 33, beside=True, others=False),
    Many("50 symbols: any symbol's series of the kind", 50, beside=False, others=True),
]


@pytest.mark.parametrize("case", MANY, ids=attrgetter("name"))
def test_many_symbols_fit_in_a_wider_form(
    minio: MinioServer, pool: urllib3.PoolManager, case: Many
) -> None:
    keys = lend(minio, "s3://clm", run_access(RUN, spec(case.count)))
    who = Holder(minio, keys, pool)
    own = "bars/v1/binance/spot/AAAB-USDT"
    last = spec(case.count).data.symbols[-1].replace("/", "-")
    tries = {
        f"{own}/1h/2025-11.parquet": True,
        f"bars/v1/binance/spot/{last}/1h/ledger.json": True,
        "leases/binance/spot/AAAB-USDT/1h.json": True,
        "bans/binance.json": True,
        RUN.manifest: True,
        f"{own}/4h/2025-11.parquet": case.beside,
        "bars/v1/binance/spot/SOL-USDT/1h/2025-11.parquet": case.others,
        "bars/v1/binance/usdm/AAAB-USDT/1h/2025-11.parquet": False,
        "bars/v1/kraken/spot/AAAB-USDT/1h/2025-11.parquet": False,
        OTHER.manifest: False,
        "production/trading/btc-eth.json": False,
    }
    assert {path: _may(who, path) for path in tries} == tries


def _may(who: Holder, path: str) -> bool:
    try:
        put(who, path, "clm")
    except S3Error as error:
        if error.code == "AccessDenied":
            return False
        raise
    return True


def documented_policy() -> dict[str, Any]:
    """The policy of the operator's own user, as the install page has it."""
    text = (ROOT / "docs" / "install.md").read_text()
    (found,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    policy: dict[str, Any] = json.loads(found)
    return policy


@pytest.fixture
def user(minio: MinioServer, pool: urllib3.PoolManager) -> Holder:
    """A user with the documented policy."""
    root = Holder(minio, ROOT_KEYS, pool)
    keys = Credentials("clm-operator", "operator-secret", "")
    policy = json.loads(json.dumps(documented_policy()).replace(":::clm", f":::{BUCKET}"))
    root.admin.user_add(keys.access_key, keys.secret_key)
    root.admin.policy_add("clm-operator", policy=policy)
    root.admin.policy_set("clm-operator", user=keys.access_key)
    return Holder(minio, keys, pool)


async def test_a_user_with_the_documented_policy_is_operator_enough(
    user: Holder, minio: MinioServer, pool: urllib3.PoolManager
) -> None:
    own = settings(minio, URL)
    with variables(user.environment):
        assert check_store(own).endswith("lent keys reach what they are for, and nothing else")
        lent = Lender(own).lend(run_access(OTHER, spec()), SHORTEST_S)
        runs = RunStore(open_store(own))
        gone = Tombstone(
            namespace=OTHER.namespace, schedule=OTHER.schedule, schedule_uid="1", version="v",
            uid=OTHER.uid,
        )  # fmt: skip
        await runs.bury(gone)
        assert await runs.buried(OTHER.namespace) == [gone]
        put(Holder(minio, lent, pool), f"some/prefix/{OTHER.manifest}")
        await runs.remove(gone)
    assert minio.keys(BUCKET) == []
    with pytest.raises(MinioAdminException):
        user.admin.user_list()


def test_wrong_keys_are_refused_with_the_stores_words(minio: MinioServer) -> None:
    wrong = minio.environment() | {"AWS_SECRET_ACCESS_KEY": "wrong-secret"}
    with variables(wrong), pytest.raises(ClmError) as refused:
        Lender(settings(minio, URL)).lend([Access(writes=("x",))], SHORTEST_S)
    assert refused.value.reason == "StorageDenied"
    assert refused.value.message.startswith("AccessDenied: The request signature")
    assert "refuses credentials for one run" in refused.value.message
    assert "objectStore.credentials to Static" in refused.value.message
    assert "wrong-secret" not in refused.value.message


def _answer(xml: str) -> bytes:
    namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
    body = f"<AssumeRoleResult><Credentials>{xml}</Credentials></AssumeRoleResult>"
    return f'<AssumeRoleResponse xmlns="{namespace}">{body}</AssumeRoleResponse>'.encode()


def test_a_store_that_ignores_the_policy_does_not_pass_the_check(
    minio: MinioServer, pool: urllib3.PoolManager
) -> None:
    """It is played by a proxy that hands out keys for everything."""
    provider = AssumeRoleProvider(
        sts_endpoint=minio.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY,
        http_client=pool,
    )  # fmt: skip
    wide = provider.retrieve()
    xml = (
        f"<AccessKeyId>{wide.access_key}</AccessKeyId>"
        f"<SecretAccessKey>{wide.secret_key}</SecretAccessKey>"
        f"<SessionToken>{wide.session_token}</SessionToken>"
        "<Expiration>2099-01-01T00:00:00Z</Expiration>"
    )
    proxy = Proxy(
        minio.endpoint, judge=lambda seen: _answer(xml) if seen.path == "/" else Verdict.PASS
    )
    own = settings(minio, URL).having(endpoint=proxy.url)
    try:
        with variables(minio.environment()), pytest.raises(ClmError) as refused:
            check_lending(own)
    finally:
        proxy.stop()
    assert "the store ignores the policy" in refused.value.message
    assert minio.keys(BUCKET) == [], "what it tried is removed"


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (b"<html>no STS here</html>", "StorageDenied", "answer to AssumeRole is none"),
        (b"", "StorageDenied", "answer to AssumeRole is none"),
        (405, "StorageDenied", "405 Method Not Allowed"),
        (503, "StorageUnavailable", "lends no credentials now, and is asked again"),
        (Verdict.REFUSE, "StorageUnavailable", "does not answer, and is asked again"),
    ],
    ids=["another page", "nothing", "no STS", "not now", "away"],
)
def test_what_is_no_answer_has_a_reason(
    minio: MinioServer, answer: bytes | int | Verdict, reason: str, words: str
) -> None:
    proxy = Proxy(minio.endpoint, judge=lambda _: answer)
    own = settings(minio, URL).having(endpoint=proxy.url)
    try:
        with variables(minio.environment()), pytest.raises(ClmError) as refused:
            Lender(own).lend([Access(writes=("x",))], SHORTEST_S)
    finally:
        proxy.stop()
    assert refused.value.reason == reason
    assert words in refused.value.message
