"""Wrong keys of the operator are no crash: schedules say why, and right ones need no restart."""

from pathlib import Path

from tests.operator.rig import Rig, condition
from tests.support.schedules import schedule
from tests.support.store_server import ACCESS_KEY, SECRET_KEY


def _mount(folder: Path, secret: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "AWS_ACCESS_KEY_ID").write_text(ACCESS_KEY)
    (folder / "AWS_SECRET_ACCESS_KEY").write_text(f"{secret}\n")


def test_wrong_keys_at_the_start_are_said_and_mended_without_a_restart(
    rig: Rig, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    _mount(keys, "wrong")
    rig.config_overrides["store"] = rig.config()["store"] | {"createBucket": True}
    operator = rig.start_operator(CLM_STORE_KEYS=str(keys))
    rig.apply(schedule("said", rig.namespace, suspend=True))

    def holds(status: dict[str, object], value: str) -> bool:
        return condition(status, "StoreReady").get("status") == value

    status = rig.wait_status("said", lambda s: holds(s, "False"), "it says what is wrong")
    said = condition(status, "StoreReady")
    assert said["reason"] == "StorageDenied"
    assert said["message"].startswith("SignatureDoesNotMatch: ")
    assert "the Secret that objectStore.secretName names" in said["message"]
    assert operator.get("/readyz")[0] == 200
    _mount(keys, SECRET_KEY)
    status = rig.wait_status("said", lambda s: holds(s, "True"), "it says that all is well")
    assert "other keys since" in condition(status, "StoreReady")["message"]
    assert not operator.ended
