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
from kumihimo.solutions.wildlife.guests import Guests
from kumihimo.solutions.wildlife.season import TENANT
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.words import PACKAGE

SPEEDS: Final = (60, 600, 3600, 14_400, 36_000)


class ReplayPages:
    """/wildlife/replay, and what the wing's first page shows of the replay."""

    def __init__(self, doors: WildlifeDoors, stage: Stage) -> None:
        self._doors = doors
        self._stage = stage

    async def shown(self, call: Call) -> dict[str, Any]:
        """What the controls need. replay is None where none is played in this tenant; can_begin tells where one could
        be, and area whether the town has said where it lies; is_own tells the demonstration's own town.
        """
        prepared, guests = self._stage.of(call.tenant), self._stage.guests
        may_play = (prepared or guests) is not None and await self._decides(call)
        if prepared is None:
            area = guests is not None and await guests.area(call.tenant) is not None
            return {"replay": None, "can_begin": may_play, "area": area}
        own = call.tenant == TENANT
        return {"replay": prepared.player.state(), "speeds": SPEEDS, "may_play": may_play, "is_own": own}

    async def _decides(self, call: Call) -> bool:
        try:
            await self._doors.approves(call)
        except Problem:
            return False
        return True

    async def ask_back(self, ask: Ask) -> Answer:
        """The question before everything in the town goes."""
        self._prepared(ask)
        self._check_own(ask)
        return Page(f"{PACKAGE}:replay.html", "wildlife.replay.reset", {})

    async def control(self, ask: Ask) -> Answer:
        """Takes the form: action is pause, resume, step, speed (with speed), reset (own town), begin or leave (others).

        reset asks back first; the own town is the demonstration's, and alone made anew.
        """
        action = ask.form.get("action", "")
        if action == "begin":
            await self._guests(ask).begin(ask.tenant)
            return Redirect("/wildlife")
        prepared = self._prepared(ask)
        if action == "pause":
            prepared.player.pause()
        elif action == "resume":
            prepared.player.resume()
        elif action == "step":
            await prepared.player.step()
        elif action == "speed":
            prepared.player.set_speed(_speed(ask.form.get("speed", "")))
        elif action == "leave":
            await self._guests(ask).end(ask.tenant)
        elif action == "reset" and ask.form.get("confirm") != "yes":
            return await self.ask_back(ask)
        elif action == "reset":
            self._check_own(ask)
            await demo.reset(self._doors, prepared)
        else:
            raise BadRequestData(f"the replay knows no {action[:40]!r}")
        return Redirect("/wildlife")

    def _prepared(self, ask: Ask) -> Prepared:
        found = self._stage.of(ask.tenant)
        if found is None:
            raise ResourceNotFound("no season is played here; it comes with `kumihimo demo --wildlife`")
        return found

    def _guests(self, ask: Ask) -> Guests:
        if self._stage.guests is None or ask.tenant == TENANT:
            raise ResourceNotFound("seasons begin in towns of `kumihimo demo --wildlife`, beside the one of its own")
        return self._stage.guests

    def _check_own(self, ask: Ask) -> None:
        """Only what was made for the demonstration is removed whole."""
        if ask.tenant != TENANT:
            raise BadRequestData(
                "this town is not removed and made anew; end the season, and remove the pack with its data"
            )


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError as problem:
        raise BadRequestData(f"speed is {text[:40]!r}; a number is needed") from problem
    if not 0 < speed <= MAX_SPEED:
        raise BadRequestData(f"speed must be above 0 and at most {MAX_SPEED:.0f}")
    return speed
