# SPDX-License-Identifier: GPL-2.0
"""Recorded runs and their themes, for scripts/readme, scripts/report and scripts/submit.

A run is the results.json that scripts/results wrote. Its platform is "emulator", "virtual machine" or "hardware":
only the last one is a result of hardware.
"""
import json
import os
import re
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD", TOP / "build"))
RESULTS = Path(os.environ.get("RESULTS", TOP / "results"))   # for the tests
BASES = {"6.1": "v6.1 LTS", "6.12": "v6.12 LTS", "7.3": "v7.3"}
STATUSES = ("pass", "fail", "xfail", "skip", "not-run")
# Which tests speak for which theme.
THEMES = {
    "safety": r"^(apic_(disabled|exits|hotplug)|create_pit|evmcs_x2apic|apicv_(switch|level_irq|rtc)|irq_window|rtc_eoi|vcpu_create_ipi|mtrr_var_range)",
    "APIC access": r"^(apic_(access|base)|private_memslot|xapic_read_only)",
    "APIC IDs": r"^apic_alias",
    "IPIv": r"^(ipiv|vmx_posted_ipi)",
    "AVIC": r"^(apicv_(inhibit|reasons|uninhibit)|x?apic_logical|extint|pit_avic)",
    "MTRR": r"^(kvm_)?mtrr(?!_var_range)",
    "all KVM selftests of the base": None,
}


def theme_of(test, pattern):
    """Whether TEST speaks for the theme of PATTERN; None: for no other one."""
    if pattern is None:
        return not any(p and re.match(p, test) for p in THEMES.values())
    return re.match(pattern, test)


def counted(tests):
    counts = {s: sum(t["status"] == s for t in tests) for s in STATUSES}
    return ", ".join(f"{n} {s}" for s, n in counts.items() if n) or "untested"


def platform(run):
    """What a run is a result of; runs from before this was recorded are emulators'."""
    return run.get("platform", "emulator")


def load(base, kernel="patched"):
    """engine -> run of KERNEL: patched, or base.VARIANT for an unpatched one."""
    runs = {}
    for path in sorted((RESULTS / base).glob(f"{kernel}-*.json")):
        run = json.loads(path.read_text())
        runs[run["engine"]] = run
    return runs


def submitted(base, kernel="patched"):
    """folder -> run of engine host on hardware, from results/hardware/."""
    found = {}
    for path in sorted((RESULTS / "hardware").glob(f"*/{base}/{kernel}-host/results.json")):
        run = json.loads(path.read_text())
        if platform(run) == "hardware":
            found[path.parents[2].name] = run
    return found


def everything(only=None):
    """(key, where it is from, run): what is recorded, what is in build/ and differs from that, what was submitted. ONLY: in that folder."""
    found = {}
    for path in sorted(RESULTS.glob("*/*.json")) if not only else ():
        run = json.loads(path.read_text())
        if "tests" in run:
            found[f"{path.parent.name}/{path.stem}"] = ("recorded", run)
    for path in sorted(BUILD.glob("*/results/*/results.json")) if not only else ():
        key, run = f"{path.parents[2].name}/{path.parent.name}", json.loads(path.read_text())
        if key not in found or found[key][1] != run:
            found[key] = ("this build", run)
    for path in sorted(only.glob("*/*/results.json") if only else (RESULTS / "hardware").glob("*/*/*/results.json")):
        machine, base = path.parents[2].name, path.parents[1].name
        found[f"{machine}: {base}/{path.parent.name}"] = ("submitted", json.loads(path.read_text()))
    return [(key, *value) for key, value in found.items()]


def figures(only=None):
    """key -> data of tools/bench/figures.py: of this build, else recorded; submitted."""
    found = {}
    for path in [*sorted(RESULTS.glob("*/figures*.json")), *sorted(BUILD.glob("*/bench/figures*.json"))] if not only else ():
        base = path.parent.name if path.is_relative_to(RESULTS) else path.parents[1].name
        found[f"{base}/{path.stem}"] = json.loads(path.read_text())
    for path in sorted(only.glob("*/figures*.json") if only else (RESULTS / "hardware").glob("*/*/figures*.json")):
        found[f"{path.parents[1].name}: {path.parent.name}/{path.stem}"] = json.loads(path.read_text())
    return found


def icr_counts(text):
    """NAME -> {event: number}: what tools/lab/guest/icr_count printed."""
    lines = (line.split() for line in re.findall(r"^# icr (.*)$", text, re.M))
    return {words[0]: dict(zip(words[1::2], map(int, words[2::2]))) for words in lines}


def inhibits(text):
    """NAME -> [(seconds, "begin"|"end"|"set"|"cleared", number of the reason or None)]: what tools/lab/guest/qemu_guest printed."""
    found = {}
    for name, seconds, what, reason in re.findall(r"^# inhibit (\S+) ([0-9.]+) ([a-z]+) ?(\d+)?$", text, re.M):
        found.setdefault(name, []).append((float(seconds), what, int(reason) if reason else None))
    return found
