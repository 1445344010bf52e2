"""Names and places of the demo."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".venv" / "bin" / "python"
NAMESPACE = "clm-demo"
RELEASE = "clm"
FLEET = os.environ.get("FLEET", "") not in ("", "0")
"""Train all six families instead of one."""
MANIFEST = REPOSITORY / "examples" / ("fleet.yaml" if FLEET else "xgboost.yaml")
FLAVOURS = ("boosting", "neural", "rl") if FLEET else ("boosting",)
REPORTS = REPOSITORY / "artifacts" / "demo"
KUBECONFIG = REPORTS / "kubeconfig"
"""That of the cluster, with the demo's namespace selected."""
CLUSTER = REPOSITORY / "tools" / "cluster" / "cluster"
OPERATOR_IMAGE = "clm-operator:dev"
TRAINER_IMAGES = {flavour: f"clm-trainer:{flavour}-dev" for flavour in FLAVOURS}
USER, PASSWORD = "clm-demo", "clm-demo-secret"
STORE_PORT = 30900
"""Port of the node at which the demo's store answers; kind maps it, see its configuration."""
BARS = {
    "BTC/USDT": REPOSITORY / "examples" / "data" / "binance-spot-btcusdt-1h.parquet",
    "ETH/USDT": REPOSITORY / "examples" / "data" / "binance-spot-ethusdt-1h.parquet",
}
DEMO_CONTEXT = os.environ.get("DEMO_CONTEXT")
"""A context of the present kubeconfig: use that cluster, with images it can pull."""
DEMO_REGISTRY = os.environ.get("DEMO_REGISTRY", "")
"""Where that cluster pulls clm-operator and clm-trainer from."""
PATIENCE_S = 1800 if FLEET else 300
TRAIN_MINUTES = 12.0 if FLEET else 1.0
"""From the chart to the verdict."""
