"""HTML pages from figures, tables and plots: one file each, nothing loaded, readable in light and dark."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #888; --good: #2a7d3f; --bad: #b3372c; --warn: #a66a00; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.subtitle { color: var(--quiet); margin-top: .2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; } .number { text-align: right; }
figure { margin: 1rem 0; } figure svg { background: #fff; border-radius: 6px; height: auto; max-width: 100%; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
div.wide { overflow-x: auto; } div.row { display: flex; flex-wrap: wrap; column-gap: 1rem; }
"""

Cell = str | int | float | bool | None


class Page:
    """A page that is built from top to bottom and written once."""

    def __init__(self, title: str, subtitle: str = "") -> None:
        self._title = title
        self._parts = [f"<h1>{html.escape(title)}</h1>"]
        if subtitle:
            self._parts.append(f'<p class="subtitle">{html.escape(subtitle)}</p>')

    def heading(self, text: str) -> None:
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str, tone: str = "") -> None:
        """A paragraph; `tone` is empty, `good`, `warn` or `bad`."""
        self._parts.append(f'<p class="{tone}">{html.escape(text)}</p>')

    def figures(self, values: Mapping[str, Cell]) -> None:
        """Names and values, a row each."""
        self.table([], [[name, value] for name, value in values.items()])

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[Cell]], links: Mapping[str, str] | None = None
    ) -> None:
        """A table; a cell whose text is a key of `links` becomes a link to that address."""
        numeric = [any(_is_number(row[index]) for row in rows) for index in range(len(header))]
        head = "".join(
            f'<th class="number">{html.escape(name)}</th>' if right else f"<th>{html.escape(name)}</th>"
            for name, right in zip(header, numeric, strict=True)
        )
        body = "".join(f"<tr>{''.join(_cell(value, links or {}) for value in row)}</tr>" for row in rows)
        self._parts.append(f'<div class="wide"><table>{f"<tr>{head}</tr>" if head else ""}{body}</table></div>')

    def plot(self, figure: Figure) -> None:
        """A matplotlib figure, drawn into the page as SVG."""
        self._parts.append(_drawn(figure))

    def plots(self, figures: Sequence[Figure]) -> None:
        """Matplotlib figures side by side, as many as the width of the page takes."""
        self._parts.append(f'<div class="row">{"".join(map(_drawn, figures))}</div>')

    def write(self, path: Path) -> None:
        """Write the page to `path`, whose folder is made when it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
            f"<title>{html.escape(self._title)}</title><style>{_STYLE}</style></head>\n"
            f"<body>\n{chr(10).join(self._parts)}\n</body></html>\n",
            encoding="utf-8",
        )


def number(value: float) -> str:
    """A figure as people read it: whole numbers in groups of three, others with four significant digits."""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}".replace(",", " ")
    return f"{value:.4g}"


def _drawn(figure: Figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None})
    drawn = stream.getvalue()
    return f"<figure>{drawn[drawn.index('<svg') :]}</figure>"


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Cell, links: Mapping[str, str]) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, int | float) and _is_number(value):
        return f'<td class="number">{number(value)}</td>'
    text = html.escape(str(value))
    if str(value) in links:
        text = f'<a href="{html.escape(links[str(value)])}">{text}</a>'
    return f"<td>{text}</td>"
