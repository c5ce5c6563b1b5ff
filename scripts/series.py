# SPDX-License-Identifier: GPL-2.0
"""What patches/BASE holds, for scripts in Python; those in shell have topics.sh."""


def mails(patches):
    """(topic, path) of each mail, in sending order; a base without a series has none."""
    topics = patches / "topics"
    for line in topics.read_text().splitlines() if topics.exists() else ():
        topic = line.partition("#")[0].partition(":")[0]
        series = patches / topic / "series"
        if topic and series.exists():
            yield from ((topic, patches / topic / name) for name in series.read_text().split())
