"""CLM's training runs: bars, features, models, backtests, reports."""
