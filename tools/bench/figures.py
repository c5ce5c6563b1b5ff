#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Figures of benchmarks: from "NAME VALUE [ENGINE]" lines to data and a table.

  tools/bench/figures.py OUT.json COLUMN=FILE... [-- KEY=VALUE...]

Writes OUT.json and prints the table; the ratio is the last column by the first. KEY=VALUE is kept in the data: engine (of
lines that name none), platform, base, and the version of each engine.
"""
import json
import re
import sys
from functools import lru_cache
from pathlib import Path

NAMES = Path(__file__).resolve().parent / "names"
UNKNOWN = ("other", "", "-", "")


@lru_cache
def patterns():
    """(regular expression, NAME, theme, unit, better, text) for each line of the file of names."""
    found = []
    for line in NAMES.read_text().splitlines():
        words = line.split(None, 4)
        if len(words) == 5 and not line.startswith("#"):
            regex = re.escape(words[0]).replace(r"\{N\}", r"(?P<N>\d+)").replace(r"\{X\}", "(?P<X>.+)")
            found.append((re.compile(regex + r"(?:-(?P<C>\d+)cpus)?$"), *words))
    return found


def describe(name):
    """What a figure is: theme, unit, better, text, its series, and its place N in that; rank: the order of the names."""
    for rank, (regex, pattern, theme, unit, better, text) in enumerate(patterns()):
        match = regex.match(name)
        if match:
            part = match.groupdict()
            n, cpus, words = part.get("N"), part["C"], (part.get("X") or "").replace("-", " ")
            on = f", host with {cpus} CPU{'s' * (cpus != '1')}" if cpus else ""
            return {"rank": rank, "theme": theme, "unit": unit, "better": better, "n": int(n) if n else None,
                    "text": text.replace("{N}", n or "").replace("{X}", words) + on,
                    "series": (pattern.replace("{X}", part.get("X") or "") + (f"-{cpus}cpus" if cpus else "")) if n else name,
                    "title": text.replace("{N}", "N").replace("{X}", words) + on}
    theme, unit, better, text = UNKNOWN
    return {"rank": len(patterns()), "theme": theme, "unit": unit, "better": better, "n": None, "text": text, "series": name, "title": name}


def read(path):
    """NAME -> (value, engine or None); what is not a number is left out."""
    found = {}
    for line in Path(path).read_text().splitlines():
        words = line.split()
        if len(words) in (2, 3) and re.fullmatch(r"-?\d+(\.\d+)?", words[1]):
            found[words[0]] = (float(words[1]) if "." in words[1] else int(words[1]), words[2] if len(words) == 3 else None)
    return found


def natural(text):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def collect(columns, about):
    """The data: columns in their order, and each figure with its value in each."""
    values = {column: read(path) for column, path in columns}
    figures = []
    for name in sorted({name for found in values.values() for name in found}, key=natural):
        what = describe(name)
        engine = next((found[name][1] for found in values.values() if name in found), None) or about.get("engine", "")
        figures.append({"name": name, "engine": engine, "unit": what["unit"], "better": what["better"], "text": what["text"],
                        "values": {column: found[name][0] for column, found in values.items() if name in found}})
    return {**about, "columns": [column for column, _ in columns], "figures": figures}


def ratio(figure, columns):
    """Last column by the first, or None."""
    first, last = (figure["values"].get(c) for c in (columns[0], columns[-1]))
    return last / first if first and last is not None else None


def table(data):
    columns = data["columns"]
    print(f"{'measure':<42}" + "".join(f"{c:>12}" for c in columns) + f"{'ratio':>8} {'better':>7}  unit")
    for figure in data["figures"]:
        by = ratio(figure, columns)
        print(f"{figure['name']:<42}" + "".join(f"{figure['values'].get(c, '-'):>12}" for c in columns)
              + (f"{'-':>8}" if by is None else f"{by:>8.3f}") + f" {figure['better']:>7}  {figure['unit']}")


def main():
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    if split < 2:
        sys.exit(__doc__)
    columns = [word.split("=", 1) for word in words[1:split]]
    data = collect(columns, dict(word.split("=", 1) for word in words[split + 1:]))
    Path(words[0]).write_text(json.dumps(data, indent=1) + "\n")
    table(data)


if __name__ == "__main__":
    main()
