"""What the page shows as HTML; whatever comes from a visitor or a checkpoint is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from .predictor import Answer

CSS = """
.mm-notice {border-left: 6px solid #D55E00; padding: .6rem 1rem; background: var(--background-fill-secondary);
  color: var(--body-text-color); border-radius: 4px}
.mm-problem {border-left: 6px solid #D55E00; padding: .5rem 1rem; color: var(--body-text-color)}
.mm-given {margin: 0 0 .8rem; color: var(--body-text-color)}
.mm-head {margin: 0 0 1.4rem; color: var(--body-text-color)}
.mm-head h3 {margin: 0 0 .3rem; font-size: 1rem; overflow-wrap: anywhere}
.mm-head p {margin: .2rem 0; font-size: .85rem; color: var(--body-text-color)}
.mm-head p.mm-words {font-size: 1rem; color: var(--body-text-color)}
.mm-head table {width: 100%; border-collapse: collapse; table-layout: fixed; margin: .3rem 0}
.mm-head th, .mm-head td {padding: .15rem .4rem .15rem 0; text-align: left; font-weight: 400; overflow-wrap: anywhere}
.mm-head :is(table, tbody, tr, th, td) {border: 0}
.mm-head td.mm-number {width: 4.5rem; text-align: right; font-variant-numeric: tabular-nums}
.mm-bar {background: var(--border-color-primary); border-radius: 3px; height: .7rem}
.mm-bar div {background: #0072B2; border-radius: 3px; height: .7rem}
.mm-picture {overflow-x: auto}
.mm-picture img {display: block; width: 100%; min-width: 38rem; max-width: 62rem; height: auto; margin: 0 auto;
  padding: .6rem; background: white; border-radius: 4px}
#leaderboard {--font-mono: var(--font); --input-text-size: .8rem}
#leaderboard [aria-colindex="1"] {position: sticky; left: 0; z-index: 1; background: inherit;
  box-shadow: 1px 0 var(--border-color-primary)}
@media (hover: none), (max-width: 640px) {
  #leaderboard th .cell-menu-button {display: flex; position: static; transform: none}
}
#leaderboard thead tr {background: var(--body-background-fill)}
"""
"""The page's own style. Colours that carry meaning are those that colour-blind readers tell apart."""

_SHOWN_LABELS = 12


def notice(text: str) -> str:
    """A statement that stands out."""
    return f'<div class="mm-notice" role="note">{escape(text)}</div>'


def problem(text: str) -> str:
    """A sentence on what cannot be done."""
    return f'<div class="mm-problem" role="alert">{escape(text)}</div>'


def given(words: str) -> str:
    """What was read; empty for nothing."""
    return f'<p class="mm-given" role="status">Read: {escape(words)}.</p>' if words else ""


def answers(found: Sequence[Answer], preface: str = "") -> str:
    """What heads say: a table with bars for each."""
    first = f'<p class="mm-given" role="status">{escape(preface)}</p>' if preface else ""
    return first + "".join(map(_answer, found))


def picture(png: bytes, words: str) -> str:
    """An image with its text for those who do not see it."""
    data = base64.b64encode(png).decode()
    return f'<div class="mm-picture"><img alt="{escape(words)}" src="data:image/png;base64,{data}"></div>'


def _answer(answer: Answer) -> str:
    shown = answer.scores[:_SHOWN_LABELS]
    more = answer.more + len(answer.scores) - len(shown)
    # Long names break between their words.
    parts = [f"<h3>{escape(answer.head).replace('_', '_<wbr>')}</h3>"]
    if answer.words:
        parts.append(f'<p class="mm-words">{escape(answer.words)}</p>')
    if shown:
        line = _bar_line if answer.probabilities else _line
        parts.append("<table><tbody>" + "".join(line(*pair) for pair in shown) + "</tbody></table>")
    if more:
        parts.append(f"<p>and {more:,} more</p>")
    if answer.calibration:
        parts.append(f"<p>{escape(answer.calibration)}</p>")
    return f'<section class="mm-head">{"".join(parts)}</section>'


def _bar_line(label: str, score: float) -> str:
    bar = f'<div class="mm-bar" aria-hidden="true"><div style="width:{100 * score:.1f}%"></div></div>'
    return f'<tr><th scope="row">{escape(label)}</th><td>{bar}</td><td class="mm-number">{score:.3f}</td></tr>'


def _line(label: str, value: float) -> str:
    return f'<tr><th scope="row">{escape(label)}</th><td class="mm-number">{value:.3f}</td></tr>'
