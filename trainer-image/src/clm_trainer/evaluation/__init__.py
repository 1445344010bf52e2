"""Pure: splits, positions, backtest, metrics, significance. The one place that scores a model."""
