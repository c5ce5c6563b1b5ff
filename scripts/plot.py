# SPDX-License-Identifier: GPL-2.0
"""SVG plots for scripts/report: lines over N, pairs of bars, intervals of time. Colours are the page's, light or dark."""
import math
from html import escape

W, LEFT, RIGHT, TOP = 360, 58, 14, 12
STYLE = """
 :root{--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;--c0:#6e7781;--c1:#0550ae}
 @media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#30363d;--c0:#9198a1;--c1:#58a6ff}}
 svg text{font:12px system-ui,sans-serif;fill:var(--fg)}svg .dim{fill:var(--dim)}
 svg .grid{stroke:var(--line);stroke-width:1}svg .c0{stroke:var(--c0);fill:var(--c0)}svg .c1{stroke:var(--c1);fill:var(--c1)}
 svg polyline{fill:none!important;stroke-width:2.5}svg polyline.c0{stroke-dasharray:5 3}svg .hollow{fill:var(--bg)!important;stroke-width:2}
"""


def short(value):
    """1234567 -> 1.23M"""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.3g}{unit}"
    return f"{value:g}"


def svg(height, label, body, alone=False):
    """ALONE: a file of its own, with colours and a background."""
    size = f' width="{W * 3 // 2}" height="{height * 3 // 2}"' if alone else ""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {height}" role="img" aria-label="{escape(label, quote=True)}"{size}>'
    inside = f"<style>{STYLE}</style><rect width='{W}' height='{height}' fill='var(--bg)'/>" if alone else ""
    return head + inside + "".join(body) + "</svg>"


def ticks(low, high, log):
    """Values for the y axis."""
    if log:
        return [10 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    step = 10 ** math.floor(math.log10(high))
    step = next(s for s in (step / 5, step / 2, step, step * 2) if high / s <= 5)
    return [step * n for n in range(math.ceil(high / step) + 1)]


def marker(x, y, place):
    """Circles for the first column, squares for the others: colours alone tell nothing to some."""
    if place == 0:
        return f'<circle class="c0 hollow" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    return f'<rect class="c1" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'


def lines(label, unit, columns, points, alone=False):
    """points: column -> {n: value}. A y axis from 0, or a logarithmic one where that would hide a line."""
    height, values = 230, [v for p in points.values() for v in p.values()]
    positive = [v for v in values if v > 0]
    log = len(positive) == len(values) and max(values) > 30 * min(values)
    marks = ticks(min(positive or [1]), max(positive or [1]), log)
    ns = sorted({n for p in points.values() for n in p})
    bottom = height - 50

    def across(n):
        return LEFT + (W - LEFT - RIGHT) * (ns.index(n) / max(len(ns) - 1, 1))

    def up(value):
        low, high = marks[0], marks[-1]
        part = math.log(value / low) / math.log(high / low) if log else value / high
        return bottom - (bottom - TOP) * part

    body = []
    for mark in marks:
        y = up(mark)
        body.append(f'<line class="grid" x1="{LEFT}" x2="{W - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                    f'<text class="dim" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(mark)}</text>')
    body += [f'<text class="dim" x="{across(n):.1f}" y="{bottom + 17}" text-anchor="middle">{n}</text>' for n in ns]
    body.append(f'<text class="dim" x="{W - RIGHT}" y="{height - 6}" text-anchor="end">N</text>')
    key = LEFT
    for place, column in enumerate(columns):
        if not points.get(column):
            continue
        at = [(across(n), up(v)) for n, v in sorted(points[column].items())]
        shown = min(place, 1)
        body.append(f'<polyline class="c{shown}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}"/>')
        body += [marker(x, y, place) for x, y in at]
        body.append(marker(key, height - 10, place) + f'<text x="{key + 9}" y="{height - 6}">{escape(column)}</text>')
        key += 26 + 7 * len(column)
    body.append(f'<text class="dim" x="{key}" y="{height - 6}">{escape(unit)}{", log scale" * log}</text>')
    return svg(height, label, body, alone)


def bars(label, columns, values):
    """values: column -> value; a bar for each, its value at its end."""
    top = max([v for v in values.values() if v] or [1])
    body, wide = [], W - LEFT - max(70, 10 + 7 * len(f"{top:,}"))
    for place, column in enumerate(columns):
        y, value = 4 + 22 * place, values.get(column)
        body.append(f'<text class="dim" x="{LEFT - 6}" y="{y + 12}" text-anchor="end">{escape(column)}</text>')
        if value is None:
            body.append(f'<text class="dim" x="{LEFT}" y="{y + 12}">not counted</text>')
            continue
        size = max(wide * value / top, 1)
        body.append(f'<rect class="c{min(place, 1)}" x="{LEFT}" y="{y + 1}" width="{size:.1f}" height="13"/>'
                    f'<text x="{LEFT + size + 6:.1f}" y="{y + 12}">{value:,}</text>')
    return svg(8 + 22 * len(columns), label, body)


def spans(label, end, rows):
    """rows: name -> [(from, to)] in seconds of 0 to end: when something was so."""
    body, left, height = [], 150, 34 + 20 * len(rows)
    for row, (name, intervals) in enumerate(rows.items()):
        y = 4 + 20 * row
        body.append(f'<text x="{left - 6}" y="{y + 12}" text-anchor="end" style="font-size:10px">{escape(name)}</text>'
                    f'<line class="grid" x1="{left}" x2="{W - 8}" y1="{y + 17}" y2="{y + 17}"/>')
        for start, stop in intervals:
            x, size = left + (W - left - 8) * start / end, (W - left - 8) * (stop - start) / end
            body.append(f'<rect class="c1" x="{x:.1f}" y="{y + 2}" width="{max(size, 1.5):.1f}" height="13"/>')
    body.append(f'<text class="dim" x="{left}" y="{height - 8}">0</text>'
                f'<text class="dim" x="{W - 8}" y="{height - 8}" text-anchor="end">{end:.1f} s</text>')
    return svg(height, label, body)
