"""The arbiter's door: judges, keeps the decision, sends, and hears the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import NonexistentTenant, Problem
from kumihimo.base.ids import new_id
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import Command, CommandOutcome, CommandState, MqttDown
from kumihimo.device.actuation import store
from kumihimo.device.actuation.capability import check_command
from kumihimo.device.actuation.decide import judge
from kumihimo.device.actuation.models import ArbiterLimits, Asked, CommandRecord
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused, Words
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)
LOOK_EVERY: Final = 1.0
RECENT: Final = 50
MAX_REASON: Final = 2000

_SENT = Words("送信しました。返事を待っています。", "Sent; waiting for the answer.")
_CONFIRMED = Words("端末が実行を確認しました。", "The device confirmed it.")
_LATE = Words("時間切れの後に、端末が実行を確認しました。", "The device confirmed it after it had expired.")
_FAILED = Words("端末が実行できないと答えました。", "The device answered that it could not do it.")
_EXPIRED = Words("時間内に返事がありませんでした。現地を確認してください。", "No answer came in time; look on site.")
_ABSENT = Words("端末がつながっていません。", "The device is not connected.")
_REPLACED = Words("停止の指示を優先しました。", "A command to stop came first.")


Permit = Callable[[Call, Command, Device], Awaitable[Words | None]]
"""Why a command may not be put to a device whoever asks, as one that only a person's decision moves; None: it may."""


class Devices(Protocol):
    """What the arbiter asks the registry."""

    async def known(self, tenant: str, device: str) -> Device | None: ...


class Arbiter:
    """Implements base.ports.Act: every command, also a refused one, is kept with its reason.

    on_change(tenant, outcome) is called when a command that was sent has ended. A device may not command; whether
    a person who is not logged in may, was decided by the access room before the call came here. permit is asked of
    all but what makes things quiet.
    """

    def __init__(
        self,
        database: Database,
        registry: Devices,
        down: MqttDown,
        clock: Clock,
        limits: ArbiterLimits | None = None,
        on_change: Callable[[str, CommandOutcome], None] | None = None,
    ) -> None:
        self._database = database
        self._registry = registry
        self._down = down
        self._clock = clock
        self._limits = limits or ArbiterLimits()
        self.on_change = on_change
        self.permit: Permit | None = None
        self._waiting: set[str] = set()
        self._troubled: set[str] = set()

    async def __call__(self, call: Call, command: Command) -> CommandOutcome:
        """Judges the command and sends it. A refusal is an outcome; NonexistentTenant is raised."""
        try:
            asked = await self._checked(call, command)
        except Refused as refusal:
            refused = self._record(call, command, Asked(0), refusal.words)
            return (await self._database.write(call.tenant, lambda tx: _add_tx(tx, refused))).outcome()
        record = self._record(call, command, asked, None)
        decided = await self._database.write(call.tenant, lambda tx: self._decide_tx(tx, record, asked))
        if decided.state == "refused":
            return decided.outcome()
        self._waiting.add(call.tenant)
        return await self._send(call.tenant, decided, asked)

    async def _checked(self, call: Call, command: Command) -> Asked:
        if call.tenant != command.tenant:
            raise Refused("ほかの団体の端末には指示できません。", "The device belongs to another tenant.")
        if call.actor.kind == "device":
            raise Refused("端末から端末への指示はできません。", "A device may not command a device.")
        if not command.reason.strip():
            raise Refused("指示の理由を書いてください。", "A command needs a reason.")
        if len(command.reason) > MAX_REASON:
            raise Refused(f"理由は {MAX_REASON} 文字までです。", f"A reason has at most {MAX_REASON} characters.")
        device = await self._registry.known(command.tenant, command.device)
        if device is None:
            raise Refused("その端末は登録されていません。", "There is no such device.")
        asked = check_command(device.family, command.name, command.arguments)
        if self.permit is not None and not asked.is_safe and (words := await self.permit(call, command, device)):
            raise Refused(words.ja, words.en)
        return asked

    def _record(self, call: Call, command: Command, asked: Asked, refusal: Words | None) -> CommandRecord:
        now = times.micros(self._clock.now())
        return CommandRecord(
            number=0,
            id=new_id("Command"),
            device=command.device[:64],
            name=command.name[:64],
            arguments=command.arguments if refusal is None else {},
            level=asked.level,
            reason=command.reason[:MAX_REASON],
            actor=str(call.actor),
            purpose=call.purpose,
            cause=call.cause,
            state="sent" if refusal is None else "refused",
            detail=refusal or _SENT,
            asked_at=now,
            ended_at=None if refusal is None else now,
        )

    async def _decide_tx(self, tx: Tx, record: CommandRecord, asked: Asked) -> CommandRecord:
        """Judges inside the tenant's one writer, so that two commands at once cannot both get the lease."""
        recent = await store.recent_commands_tx(tx, record.device, RECENT)
        try:
            judge(asked, recent, self._clock.now(), self._limits)
        except Refused as refusal:
            return await _add_tx(tx, replace(record, state="refused", detail=refusal.words, ended_at=record.asked_at))
        for one in recent:
            if one.state == "sent":
                ended = replace(one, state="failed", detail=_REPLACED, ended_at=record.asked_at)
                await store.end_command_tx(tx, ended, "sent")
        return await _add_tx(tx, record)

    async def _send(self, tenant: str, record: CommandRecord, asked: Asked) -> CommandOutcome:
        until = times.from_micros(record.asked_at + int(self._limits.confirm_within * 1_000_000))
        body = {"id": record.id, "name": record.name, "arguments": dict(asked.sent), "expiresAt": times.text(until)}
        topic = f"kumihimo/{tenant}/{record.device}/down/command"
        # A device that comes back late must not be handed what was meant for then.
        reached = await self._down(topic, dumps(body), expires=max(1, int(self._limits.confirm_within)))
        log.info("command sent", extra={"tenant": tenant, "command": record.id, "reached": reached})
        if reached:
            return record.outcome()
        return await self._end(tenant, record, "failed", _ABSENT)

    # --- answers and expiry ------------------------------------------------------------------------------

    async def result(self, tenant: str, device: str, command: str, state: str, detail: str) -> bool:
        """The device's answer: "confirmed" or "failed" with its own words; False for no command of this device's.

        An answer after the expiry is still the truth and is kept as such; a second answer changes nothing.
        """
        record = await self.get(tenant, command)
        if record is None or record.device != device or record.state == "refused":
            return False
        if record.state not in ("sent", "expired"):
            return True
        words = _FAILED if state == "failed" else _LATE if record.state == "expired" else _CONFIRMED
        if detail:
            # That it was confirmed, the state says already.
            ja, en = ("", "") if words is _CONFIRMED else (words.ja, f"{words.en} ")
            words = Words(f"{ja}端末の返事：{detail}", f"{en}Its answer: {detail}")
        await self._end(tenant, record, "failed" if state == "failed" else "confirmed", words)
        return True

    async def _end(self, tenant: str, record: CommandRecord, state: CommandState, words: Words) -> CommandOutcome:
        """Writes the end, unless something else ended the command meanwhile: then that stands."""
        ended = replace(record, state=state, detail=words, ended_at=times.micros(self._clock.now()))
        if not await self._database.write(tenant, lambda tx: store.end_command_tx(tx, ended, record.state)):
            found = await self.get(tenant, record.id)
            return (found or ended).outcome()
        if self.on_change is not None:
            self.on_change(tenant, ended.outcome())
        return ended.outcome()

    async def expire(self, tenant: str) -> int:
        """Ends the tenant's commands that nobody answered in time; how many these were."""
        before = times.micros(self._clock.now()) - int(self._limits.confirm_within * 1_000_000)
        overdue = await self._database.read(tenant, lambda tx: store.overdue_commands_tx(tx, before))
        for record in overdue:
            await self._end(tenant, record, "expired", _EXPIRED)
        return len(overdue)

    async def run(self) -> None:
        """Looks for unanswered commands every second, until cancelled; at first those of an earlier run too."""
        begun = False
        while True:
            begun = begun or await self._begun()
            for tenant in list(self._waiting):
                await self._expire_or_tell(tenant)
            await asyncio.sleep(LOOK_EVERY)

    async def _begun(self) -> bool:
        """Whether the tenants are known that an earlier run may have left commands in; False with the store away."""
        try:
            self._waiting.update(await self._database.tenants())
        except Problem:
            log.warning("unanswered commands wait for the store")
            return False
        return True

    async def _expire_or_tell(self, tenant: str) -> None:
        try:
            await self.expire(tenant)
            still = await self._database.read(tenant, lambda tx: store.overdue_commands_tx(tx, 1 << 62))
            if not still:
                self._waiting.discard(tenant)
        except NonexistentTenant:
            self._waiting.discard(tenant)
        except Problem as problem:
            if tenant not in self._troubled:
                log.warning("unanswered commands wait", extra={"tenant": tenant, "why": problem.title})
            self._troubled.add(tenant)
        else:
            self._troubled.discard(tenant)

    # --- looking -----------------------------------------------------------------------------------------

    async def get(self, tenant: str, command: str) -> CommandRecord | None:
        """One command with its decision."""
        return await self._database.read(tenant, lambda tx: store.find_command_tx(tx, command))

    async def list(self, tenant: str, device: str = "", limit: int = 100) -> list[CommandRecord]:
        """The newest first; of one device, or of all."""
        return await self._database.read(tenant, lambda tx: store.list_commands_tx(tx, device, limit))


async def _add_tx(tx: Tx, record: CommandRecord) -> CommandRecord:
    record = replace(record, number=await store.next_number_tx(tx))
    await store.add_command_tx(tx, record)
    return record
