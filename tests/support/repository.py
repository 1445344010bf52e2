"""Where the repository lies."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BARS = {
    "BTC/USDT": ROOT / "examples" / "data" / "binance-spot-btcusdt-1h.parquet",
    "ETH/USDT": ROOT / "examples" / "data" / "binance-spot-ethusdt-1h.parquet",
}
