"""What is stored in former words is shown in today's."""

from tests.cli.namespace import Namespace
from tests.cli.objects import schedule
from tests.cli.test_status import SLOT, text


def test_a_stored_evaluation_is_shown_as_a_replay(api: Namespace) -> None:
    found = {"phase": "Succeeded", "reason": "Evaluated", "message": "btc-eth-1 replayed on 9 bars"}
    api.put(schedule(evaluation=SLOT | found))
    assert "replayed   Tue 2025-12-02 12:00 UTC  btc-eth-1 replayed on 9 bars\n" in text("btc-eth")
