# SPDX-License-Identifier: GPL-2.0
"""What tools/lab/avic, kut, newer and the kernels that check have found, as tables for scripts/readme and scripts/report.

Each function returns (heads of the columns, rows), in text that is neither HTML nor Markdown.
"""
import json
import re

from runs import RESULTS, TOP, counted, load
from series import fixes

NOTES = TOP / "tools/lab/fuzz/undone"
ENGINES = ("qemu-svm", "bochs-vmx", "bochs-svm", "host")


def recorded(name):
    path = RESULTS / "6.1" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def avic_cells(guest):
    """Whether AVIC is on when the guest is up, what inhibited it, and what IPIs cost."""
    if guest is None:
        return ["not run", ""]
    state = f"on, since {guest['since']:.1f} s of {guest['up']:.0f}" if guest["on"] else "off: " + ", ".join(guest["reasons"])
    # Before the VMM creates the irqchip there's nothing to inhibit.
    before = [f"{name} {'once' if was['times'] == 1 else str(was['times']) + ' times'}, {was['seconds']} s" for name, was in guest["inhibited"].items()
              if name != "ABSENT" and name not in guest["reasons"]]
    exits = f"{1000 * guest['exits'] / guest['ipis']:.0f}" if guest["ipis"] else "one vCPU"
    return [state + (f"; before: {', '.join(before)}" if before else ""), exits]


def avic(guests=None):
    """What tools/lab/avic found, of these GUESTS or of all."""
    data = recorded("avic") or {"base": {}, "patched": {}}
    head = ("guest of QEMU", "v6.1: AVIC when it is up", "exits for 1000 IPIs", "with the series", "exits for 1000 IPIs")
    return head, [[name, *avic_cells(data["base"].get(name)), *avic_cells(data["patched"][name])]
                  for name in data["patched"] if guests is None or name in guests]


def kut_counts(result):
    """What a test of kvm-unit-tests says: checks that pass, of how many; some have none."""
    checks = result["passed"] + result["failed"]
    ends = {"limit": ", up to its limit", "died": ", where it ends too early", "not reached": "not reached", "skip": "skipped"}.get(result["state"], "")
    return (f"{result['passed']} of {checks}" if checks else "" if ends else "ends") + ends


def beside(ours, theirs):
    return ours if ours == theirs else f"{ours}; v6.1: {theirs}"


def kut(only=None):
    """What tools/lab/kut found, of these tests or of all."""
    data = recorded("kut")
    engines = [engine for engine in ENGINES if engine in data]
    rows = []
    for test in sorted(only or {test for engine in engines for test in data[engine]}):
        found = [data[engine].get(test) for engine in engines]
        cells = [beside(kut_counts(f["patched"]), kut_counts(f["base"])) if f else "" for f in found]
        excuses = dict.fromkeys(excuse for f in found if f for excuse in f["excuses"])
        rows.append([test, *cells, "; ".join(excuses)])
    return ("test", *engines, "what fails with both, and why"), rows


def newer():
    """What the selftests of newer kernels say of v6.1 (tools/lab/newer)."""
    base = load("6.1", "newer.base")
    runs = {engine: (run, base[engine]) for engine, run in load("6.1", "newer.patched").items() if engine in base}
    engines = [engine for engine in ENGINES if engine in runs]
    found = {engine: [{t["test"]: t for t in run["tests"] if re.match("[0-9]", t["test"])} for run in runs[engine]] for engine in engines}
    rows = []
    for test in sorted({test for ours, _ in found.values() for test in ours}):
        both = [[results[test] for results in found[engine]] for engine in engines]
        reasons = dict.fromkeys(t["reason"] for results in both for t in results if t["status"] in ("fail", "xfail"))
        rows.append([test, *(beside(*(t["status"] for t in results)) for results in both), "; ".join(reasons)])
    return ("test", *engines, "why not"), rows


def checked():
    """What the kernels that check found, in the tests and in the fuzzer: Documentation/fuzzing.md."""
    rows = []
    for kernel in ("debug", "kasan", "kcsan"):
        fuzz = load("6.1", f"fuzz-{kernel}")
        for engine, run in load("6.1", kernel).items():
            tests = [t for t in run["tests"] if t["kind"] != "console"]
            bad = [f"{t['test']}: {t['reason']}" for t in run["tests"] if t["status"] in ("fail", "xfail")]
            rows.append([kernel, engine, counted(tests), programs(fuzz.get(engine)), "; ".join(bad)])
    return ("kernel", "engine", "tests", "20 programs of the fuzzer", "what fails, and why"), rows


def programs(run):
    """The kernel's complaints are failures, too."""
    if run is None:
        return "not run"
    return "fail" if any(t["status"] == "fail" for t in run["tests"]) else "pass"


def undone_cell(found):
    """When the fuzzer finds a fault on an engine."""
    if found is None:
        return ""
    when = [f"corpus {line}" for line in found["corpus"]] + [f"program {found['seed']}"] * bool(found["seed"])
    return ", ".join(when) or found["says"] or "no"


def undone():
    """Which old faults the fuzzer finds, tools/lab/fuzz/undo, and what a person knows of them, tools/lab/fuzz/undone."""
    data = recorded("fuzz-undone")
    notes = dict(line.split(" | ", 1) for line in NOTES.read_text().splitlines() if not line.startswith("#"))
    hosts = ("bochs-vmx", "bochs-svm", "off-bochs-vmx", "off-bochs-svm")
    rows = []
    for subject in fixes(TOP / "patches/6.1"):
        found = data.get(subject, {})
        says = dict.fromkeys(re.sub(r"vCPU \d+", "a vCPU", re.sub(": .*", "", of["says"])) for of in found.values() if of["says"] and (of["corpus"] or of["seed"]))
        rows.append([subject, *(undone_cell(found.get(host)) for host in hosts), "; ".join([*says, *filter(None, [notes.get(subject)])]) or "not tried"])
    return ("the series without", *hosts, "what it says, or why it doesn't"), rows


ALL = {"Is AVIC on in guests of QEMU?": avic, "kvm-unit-tests": kut, "Selftests of newer kernels": newer, "Kernels that check": checked}
