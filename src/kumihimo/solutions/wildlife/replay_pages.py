"""The controls of the season that is played: stop, go on, one step, another speed, and from the beginning."""

from __future__ import annotations

from typing import Any, Final

from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.screens import Answer, Ask, Page, Redirect
from kumihimo.device.simulate.schedule import MAX_SPEED
from kumihimo.solutions.wildlife import demo
from kumihimo.solutions.wildlife.demo import Prepared
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.season import TENANT
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.words import PACKAGE

SPEEDS: Final = (60, 600, 3600, 14_400, 86_400)


class ReplayPages:
    """/wildlife/replay, and what the wing's first page shows of the replay."""

    def __init__(self, doors: WildlifeDoors, stage: Stage) -> None:
        self._doors = doors
        self._stage = stage

    async def shown(self, call: Call) -> dict[str, Any]:
        """What the controls need; replay is None where none is played in this tenant."""
        prepared = self._stage.prepared
        if prepared is None or call.tenant != TENANT:
            return {"replay": None}
        may_play = await self._decides(call)
        return {"replay": prepared.player.state(), "speeds": SPEEDS, "may_play": may_play}

    async def _decides(self, call: Call) -> bool:
        try:
            await self._doors.approves(call)
        except Problem:
            return False
        return True

    async def ask_back(self, ask: Ask) -> Answer:
        """The question before everything in the town goes."""
        self._prepared(ask)
        return Page(f"{PACKAGE}:replay.html", "wildlife.replay.reset", {})

    async def control(self, ask: Ask) -> Answer:
        """Takes the form: action is pause, resume, step, speed (with speed) or reset, which asks back first."""
        prepared = self._prepared(ask)
        action = ask.form.get("action", "")
        if action == "pause":
            prepared.player.pause()
        elif action == "resume":
            prepared.player.resume()
        elif action == "step":
            await prepared.player.step()
        elif action == "speed":
            prepared.player.set_speed(_speed(ask.form.get("speed", "")))
        elif action == "reset" and ask.form.get("confirm") != "yes":
            return await self.ask_back(ask)
        elif action == "reset":
            await demo.reset(self._doors, prepared)
        else:
            raise BadRequestData(f"the replay knows no {action[:40]!r}")
        return Redirect("/wildlife")

    def _prepared(self, ask: Ask) -> Prepared:
        if self._stage.prepared is None or ask.tenant != TENANT:
            raise ResourceNotFound("no season is played here; it comes with `kumihimo demo --wildlife`")
        return self._stage.prepared


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError as problem:
        raise BadRequestData(f"speed is {text[:40]!r}; a number is needed") from problem
    if not 0 < speed <= MAX_SPEED:
        raise BadRequestData(f"speed must be above 0 and at most {MAX_SPEED:.0f}")
    return speed
