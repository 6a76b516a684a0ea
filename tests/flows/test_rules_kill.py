"""Kill -9 while rules fire: each acknowledged change set off its rule once, and each action was done once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.flows.test_delivery_kill import Single, slowly, writing
from tests.flows.test_import_kill import ask, settle
from tests.flows.test_process import kumihimo
from tests.processes import Served
from tests.receiver import Receiver

pytestmark = pytest.mark.enable_socket
RULES = """name = "killed"
title_ja = "見張り"

[[rule]]
name = "each"
types = ["Kill"]
watch = ["count"]

[[rule.then]]
do = "task"
whom = "operator"
text = "{entity.id} {int(entity.count)}"
minutes = 60

[[rule.then]]
do = "change"
entity = "{entity.id}-{int(entity.count)}"
type = "Echo"
attribute = "seen"
expression = "entity.count"

[[rule.then]]
do = "alert"
severity = 2
title_ja = "{entity.id}"
title_en = "{entity.id}"

[[rule.then]]
do = "command"
device = "light-1"
name = "on"
reason = "{entity.id} {int(entity.count)}"

[[rule.then]]
do = "notify"
to = "ADDRESS"
title = "{entity.id}"
text = "{entity.id} {int(entity.count)}"
"""
LIGHT = ("--family", "light", "--entity", "urn:ngsi-ld:Light:1", "--type", "Light")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    return {"KUMIHIMO_DATABASE_URL": request.getfixturevalue("postgres_url")}


def test_a_kill_while_rules_fire_loses_and_doubles_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    assert story(tmp_path, 2, random.Random(20261126), environ) > 6


def story(folder: Path, kills: int, chance: random.Random, environ: dict[str, str]) -> int:
    """Kills the platform so many times while changes stream in and rules fire; how many firings there were."""
    served, file = Served(folder / "data"), folder / "killed.toml"
    served.environ |= environ
    with Receiver() as receiver, served:
        receiver.answers = {"/told": slowly}
        file.write_text(RULES.replace("ADDRESS", receiver.address("/told")))
        writer = Single("rules", 3)
        writer.make(served)
        writer.asked, writer.acknowledged = set(), set()  # before the rules were there
        told(served, "device", "add", "light-1", *LIGHT)
        told(served, "rule", "set", str(file), "--on")
        for number in range(kills):
            if number:
                served.start()
            with writing(served.port, [writer]):
                before = writer.value
                until(lambda start=before: writer.value > start + 4)  # type: ignore[misc]  # a default binds it
                time.sleep(chance.random() * 0.4)  # the kill comes at no moment in particular
                served.kill()
            settle(served.data, environ)
        served.start()
        due = {f"{id_} {value}" for id_, value in writer.acknowledged}
        until(lambda: due <= set(texts(served, environ)) and not waiting(served, environ))
        assert served.stop() == 0
        return check(served, environ, writer, receiver)


def told(served: Served, *words: str) -> str:
    """What a command says to the platform that runs."""
    done = kumihimo(*words, "--tenant", "default", data=served.data, **served.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(served: Served, environ: dict[str, str], writer: Single, receiver: Receiver) -> int:
    """The tables after the end, and what the receiver heard: each action of each firing once."""
    tasks = Counter(texts(served, environ))
    assert {text: count for text, count in tasks.items() if count > 1} == {}, "a task was given twice"
    assert set(tasks) <= {f"{id_} {value}" for id_, value in writer.asked}, "a task that nobody caused"
    firings = ask(served.data, environ, "SELECT entity_id, seq FROM rule_firing WHERE rule = 'each'")
    assert len(firings) == len(set(firings)) == len(tasks)
    ended = Counter(ask(served.data, environ, "SELECT kind, state FROM rule_action WHERE kind <> 'command'"))
    assert ended == {(kind, "done"): len(tasks) for kind in ("task", "change", "alert", "notify")}
    echoes = ask(served.data, environ, "SELECT id FROM entity WHERE doc LIKE '%Echo%'")
    assert {str(id_) for (id_,) in echoes} == {text.replace(" ", "-") for text in tasks}
    alerts = ask(served.data, environ, "SELECT subject FROM alert")
    assert len(alerts) == len(set(alerts)) == writer.entities
    # No light is connected, so that none is lit: what counts is that the arbiter was asked once for each firing.
    commands = Counter(str(reason) for (reason,) in ask(served.data, environ, "SELECT reason FROM command"))
    assert commands == dict.fromkeys(tasks, 1), "a command was put twice, or not"
    heard = {one.id: one.entities[0]["text"] for one in receiver.at("/told")}
    assert sorted(heard.values()) == sorted(tasks), "one key for each, however often it came"
    return len(firings)


def texts(served: Served, environ: dict[str, str]) -> list[str]:
    """What the tasks say."""
    return [str(text) for (text,) in ask(served.data, environ, "SELECT text FROM rule_task")]


def waiting(served: Served, environ: dict[str, str]) -> list[Any]:
    """Actions that are not done."""
    return ask(served.data, environ, "SELECT key, state FROM rule_action WHERE ended_at IS NULL")


def until(so: Callable[[], object], seconds: float = 120.0) -> None:
    """Returns once this is so; the time is no measure."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.05)
