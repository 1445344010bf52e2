"""Long work shows that it lives, keeps its words, and leaves nothing open."""

import sys
import time

import pytest

from local_cluster.alive import Said, clock, insist, watched


def script(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


def test_a_silent_program_gives_a_sign_of_life_again_and_again() -> None:
    told: list[str] = []
    done = watched(script("import time; time.sleep(1)"), every_s=0.2, out=told.append)
    assert done.code == 0
    assert len(told) >= 3
    assert all(line.endswith("at work") for line in told)


def test_the_sign_shows_the_newest_line_and_how_many_there_were() -> None:
    told: list[str] = []
    code = "import time; print('one'); print(); print('10 %\\r20 %'); time.sleep(0.7)"
    count: list[int] = []

    def life(said: Said) -> str:
        count.append(said.count)
        return said.last

    done = watched(script(code), every_s=0.5, life=life, out=told.append)
    assert told[-1].endswith("20 %")
    assert count[-1] == 3
    assert done.words == "one\n10 %\n20 %"


def test_a_quick_program_says_nothing() -> None:
    told: list[str] = []
    watched(script("print('quick')"), every_s=30, out=told.append)
    assert told == []


def test_a_failure_keeps_its_code_and_its_last_words() -> None:
    done = watched(script("import sys; print('no room', file=sys.stderr); sys.exit(3)"))
    assert (done.code, done.words) == (3, "no room")
    with pytest.raises(SystemExit, match="no room"):
        insist(script("import sys; sys.exit('no room')"))


def test_a_child_that_lives_on_with_the_pipe_keeps_nobody_waiting() -> None:
    code = "import subprocess; subprocess.Popen(['sleep', '4']); print('started')"
    began = time.monotonic()
    done = watched(script(code))
    assert (done.code, done.words) == (0, "started")
    assert time.monotonic() - began < 3.9


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (605, "10 min 05 s")]
)
def test_durations_are_written_as_people_say_them(seconds: float, said: str) -> None:
    assert clock(seconds) == said
