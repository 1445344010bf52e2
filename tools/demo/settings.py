"""Names and places of the demo."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NAMESPACE = "clm-demo"
RELEASE = "clm"
SCHEDULE = "btc-eth-xgboost"
MANIFEST = REPOSITORY / "examples" / "xgboost.yaml"
REPORT = REPOSITORY / "artifacts" / "demo" / "report.html"
CLUSTER = REPOSITORY / "tools" / "cluster" / "cluster"
OPERATOR_IMAGE, TRAINER_IMAGE = "clm-operator:dev", "clm-trainer:boosting-dev"
USER, PASSWORD = "clm-demo", "clm-demo-secret"
BARS = {
    "BTC/USDT": REPOSITORY / "examples" / "data" / "binance-spot-btcusdt-1h.parquet",
    "ETH/USDT": REPOSITORY / "examples" / "data" / "binance-spot-ethusdt-1h.parquet",
}
DEMO_CONTEXT = os.environ.get("DEMO_CONTEXT")
"""A context of the present kubeconfig: use that cluster, with images it can pull."""
DEMO_REGISTRY = os.environ.get("DEMO_REGISTRY", "")
"""Where that cluster pulls clm-operator and clm-trainer from."""
PATIENCE_S = 300
