"""A figure with its interval as a cell of a table: a report has hundreds of them."""

from __future__ import annotations

from markupsafe import Markup, escape

from evaluator.leaderboard.drawing import numbers
from metrics.estimate import Estimate


def figure_cell(estimate: Estimate | None) -> Markup:
    """The cell as HTML: the value over its interval, why there is none, or a dash."""
    if estimate is None:
        shown = numbers.DASH
    elif estimate.value is None:
        shown = f'<span class="absent">{escape(estimate.undefined)}</span>'
    else:
        between = escape(numbers.compact(estimate))
        shown = f'{numbers.value(estimate)}<span class="interval">{between}</span>'
    return Markup(f'\n<td class="num">{shown}</td>\n')
