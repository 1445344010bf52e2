"""What a command loads: a library that it does not use costs every pod its import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clm_trainer.storage import Storage
from tests.trainer.pipeline.runs import Pod, import_bars

DRAWING = ("matplotlib", "PIL")
EXCHANGES = ("ccxt", "requests", "aiohttp")
OTHER_FAMILIES = ("lightgbm", "torch", "stable_baselines3", "gymnasium", "neuralforecast")
CLUSTER = ("clm_operator", "clm_cli", "kopf", "kubernetes_asyncio")
TOLD = (
    "import sys; from clm_trainer.__main__ import main\n"
    "code = main(['train'])\n"
    "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stdout)\n"
    "sys.exit(code)"
)
COMMAND = (
    "import sys; from clm_cli.__main__ import command_line\n"
    "command_line(sys.argv[1:2])(sys.argv[1:], standalone_mode=False)\n"
    "print('loaded', sorted({name.split('.')[0] for name in sys.modules}))"
)


def test_a_boosting_run_loads_neither_pictures_nor_exchanges_nor_other_families(
    tmp_path: Path,
) -> None:
    store = Storage(str(tmp_path / "store"))
    import_bars(store, tmp_path)
    told = Pod(store.url, tmp_path).environment()
    done = subprocess.run(
        [sys.executable, "-c", TOLD], env=told, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout.replace("'", '"')))
    assert loaded >= {"xgboost", "numba", "pandas"}, "it ran"
    unused = {*DRAWING, *EXCHANGES, *OTHER_FAMILIES, *CLUSTER, "hypothesis", "talib"}
    assert not loaded & unused


def test_a_pod_of_a_simulation_loads_no_page_either() -> None:
    code = (
        "import sys, clm_trainer.simulation.pod\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.replace("'", '"')))
    assert loaded >= {"numba", "pandas"}
    assert not loaded & {"jinja2", *DRAWING, *EXCHANGES, *OTHER_FAMILIES, *CLUSTER, "hypothesis"}


@pytest.mark.parametrize(
    ("command", "never"),
    [
        (["data", "ls", "--store", "STORE"], {"numba", "xgboost", "scipy", "jinja2"}),
        (["validate", "examples/xgboost.yaml"], {"numba", "xgboost", "pandas", "numpy"}),
    ],
    ids=["data ls", "validate"],
)
def test_a_command_loads_what_it_uses(command: list[str], never: set[str], tmp_path: Path) -> None:
    told = [str(tmp_path) if word == "STORE" else word for word in command]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *told], env=os.environ, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    loaded = done.stdout.partition("loaded ")[2]
    unused = {*never, *DRAWING, *EXCHANGES, *OTHER_FAMILIES}
    assert not {name for name in unused if f"'{name}'" in loaded}
