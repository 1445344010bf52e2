"""The folds of a walk-forward: what was trained on, what was tested on, what came of it."""

from collections.abc import Sequence

from markupsafe import Markup

from clm_api.report import FoldMetrics
from clm_cli.dashboard.plots.axes import Axes
from clm_cli.dashboard.plots.both import both
from clm_cli.dashboard.plots.ticks import dates

_ROW, _MARGINS, _THIN = 24, 46, 0.3


def folds(rows: Sequence[FoldMetrics]) -> Markup:
    """Draw the spans of all folds, the first one on top."""
    first = min(fold.train_from.timestamp() for fold in rows)
    last = max(fold.test_to.timestamp() for fold in rows)
    room = max((last - first) * 0.01, 60.0)

    def plot(width: int) -> Axes:
        height = _MARGINS + _ROW * len(rows)
        axes = Axes(width, height, (first - room, last + room), (len(rows) - 0.5, -0.5))
        axes.x_ticks(dates(axes.x, axes.right - axes.left))
        for place, fold in enumerate(rows):
            axes.text(axes.left - 8, axes.down(place) + 4, f"fold {fold.fold + 1}", "end")
            reach = (place - _THIN, place + _THIN)
            train = fold.train_from.timestamp(), fold.train_to.timestamp()
            test = fold.test_from.timestamp(), fold.test_to.timestamp()
            axes.box(train, reach, "train", f"fold {fold.fold + 1}: trained on")
            kind = "gain" if (fold.total_return or 0.0) >= 0 else "loss"
            axes.box(test, reach, f"test {kind}", f"fold {fold.fold + 1}: tested on")
        return axes

    text = f"{len(rows)} folds; each is trained on the time before its test block. See the table."
    return both("folds", "Train and test span of each fold", text, plot)
