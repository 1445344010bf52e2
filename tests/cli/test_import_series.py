"""``clm data import --series``: numbers of one's own, and what it refuses."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clm_api.errors import ClmError
from tests.cli.app import app

RUNNER = CliRunner(env={"COLUMNS": "160"})
ROWS = (
    "timestamp,available_at,score\n"
    "2025-01-01,2025-01-02,1\n2025-01-01,2025-01-05,2\n2025-01-09,2025-01-06,3\n"
)


def imported(folder: Path, *options: str, content: str = ROWS) -> str:
    path = folder / "mood.csv"
    path.write_text(content)
    result = RUNNER.invoke(
        app, ["data", "import", str(path), "--store", str(folder / "store"), *options]
    )
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_it_says_what_a_file_held_and_twice_changes_nothing(tmp_path: Path) -> None:
    rows = "series mood: 3 rows 2025-01-01 00:00..2025-01-09 00:00"
    rest = f"1 corrections, 1 available before their time; written to {tmp_path}/store\n"
    assert imported(tmp_path, "--series", "mood") == f"{rows}, 3 new, {rest}"
    assert imported(tmp_path, "--series", "mood") == f"{rows}, 0 new, {rest}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--series", "Mood"], '--series: "Mood" is refused'),
        (["--series", "mood", "--symbol", "BTC/USDT"], "symbols are a column of the file"),
        (["--series", "mood", "--funding"], "an own series is of no exchange"),
    ],
    ids=["a name in capitals", "a symbol", "funding"],
)
def test_options_that_mean_nothing_are_refused(
    options: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ClmError) as refused:
        imported(tmp_path, *options)
    assert said in refused.value.message
