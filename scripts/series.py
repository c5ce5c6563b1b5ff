# SPDX-License-Identifier: GPL-2.0
"""What patches/BASE holds, for scripts in Python; those in shell have topics.sh."""
import re


def mails(patches):
    """(topic, path) of each mail, in sending order; a base without a series has none."""
    topics = patches / "topics"
    for line in topics.read_text().splitlines() if topics.exists() else ():
        topic = line.partition("#")[0].partition(":")[0]
        series = patches / topic / "series"
        if topic and series.exists():
            yield from ((topic, patches / topic / name) for name in series.read_text().split())


def fixes(folder):
    """The subjects that FOLDER/control calls fixes, if it's there."""
    control = folder / "control"
    return re.findall(r"^fix (.*)$", control.read_text(), re.M) if control.exists() else []
