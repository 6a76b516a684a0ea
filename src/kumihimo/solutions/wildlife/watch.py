"""Watches one tenant's sensors and traps: a detection becomes an encounter, an alert, a notice, and a decision.

Each record may be seen twice; all that is written has an id that comes from the reading, so that it is written once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Problem
from kumihimo.base.events import LogRecord
from kumihimo.platform.broker.follow import LogReader
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.models import PACK_GONE, Alert, AlreadyDecided, Content, Sighting
from kumihimo.solutions.wildlife import encounters, entities, telling
from kumihimo.solutions.wildlife.album import Album
from kumihimo.solutions.wildlife.devices import device_id, nearest
from kumihimo.solutions.wildlife.doors import WildlifeDoors, own_call
from kumihimo.solutions.wildlife.encounters import Scene
from kumihimo.solutions.wildlife.limits import SirenRule, judge
from kumihimo.solutions.wildlife.makers import MERGING, Nights, permission, rule_maker
from kumihimo.solutions.wildlife.merge import MINUTE, WITHIN, Encounter, merge
from kumihimo.solutions.wildlife.models import Detection
from kumihimo.solutions.wildlife.rule import RULE_ID, rule_of

logger = logging.getLogger(__name__)
READER = "wildlife.watch"
SOURCE = "wildlife"
OVER = 60 * MINUTE
"""An encounter is over when nothing was seen of it for so long, and its alert closes."""

MEMORY = OVER + 2 * WITHIN
SWEEP = 3600.0
"""Seconds between two looks for photographs whose report is not there."""


class Watch:
    """The watch over one tenant. What it remembers of the last hour stands in the encounters' entities as well.

    It stands still where the wing does not run, and remembers nothing of an earlier installation.
    """

    def __init__(self, doors: WildlifeDoors, tenant: str) -> None:
        self._doors = doors
        self.tenant = tenant
        self.reader = LogReader(doors.database, tenant, READER, self.see, self.is_on)
        self._installation = ""
        self._nights = Nights(doors, tenant)
        self._recent: dict[str, Detection] | None = None
        self._since = 0
        self._entity: dict[str, str] = {}
        self._album = Album(doors.database, doors.clock)
        self._swept = -SWEEP
        self._settled = False
        """Whether what an earlier process handed over, and could not note, was noted."""

    def forget(self) -> None:
        """Drops what is remembered, after the tenant's data was made anew."""
        self._recent = None
        self._entity.clear()

    async def is_on(self) -> bool:
        """Whether the wing runs in the tenant."""
        if self._doors.here is None:
            return True
        found = await self._doors.here(self.tenant)
        if found != self._installation:
            self.forget()
            self._installation = found
        return bool(found)

    async def see(self, records: Sequence[LogRecord]) -> None:
        """Looks at log records; only sensors and traps matter. A record that trips us up is told and passed."""
        if not self._settled:
            await telling.settle(self._doors, self.tenant)
            self._settled = True
        for record in records:
            kinds = record.entity.get("type", ())
            if not await self.is_on():
                return
            try:
                if entities.SENSOR in kinds and entities.DETECTED in record.changed:
                    await self._detected(record)
                elif entities.TRAP in kinds and entities.CLOSED in record.changed:
                    await self._trap(record)
                elif not _REPORTS.isdisjoint(kinds) and _lost_photo(record):
                    await self._album.drop(self.tenant, record.entity_id, record.actor)
            except Problem:
                raise
            except Exception:
                logger.exception("a record could not be looked at", extra={"tenant": self.tenant, "seq": record.seq})

    # --- detections --------------------------------------------------------------------------------------

    async def _detected(self, record: LogRecord) -> None:
        detection = encounters.detection_of(record.entity)
        if detection is None:
            return
        recent = await self._remembered(detection.at)
        recent[detection.id] = detection
        found = next(one for one in merge(list(recent.values())) if detection in one.detections)
        entity_id = self._named(found)
        scene = await self._scene(found)
        call = own_call(self.tenant, "watch", f"log:{self.tenant}:{record.seq}")
        await self._doors.apply(call, [encounters.encounter_change(entity_id, scene)])
        surest = found.surest
        night = await self._nights.maker(surest.lon, surest.lat, surest.at)
        makers = (MERGING, await rule_maker(self._doors, self.tenant), night)
        content = replace(encounters.content_of(scene), makers=makers)
        await self._doors.alerts.sight(call, Sighting(SOURCE, entity_id, scene.severity, found.last, content))
        if not await self.is_on():  # the pack went meanwhile, and its open alerts closed before this one was made
            await self._doors.alerts.end(call, SOURCE, PACK_GONE)
            return
        await self._notify(call, entity_id, scene, detection.at, record.at)
        await self._decide_by_permission(entity_id)
        await self.close_before(detection.at - OVER)
        self._forget_before(detection.at - MEMORY)

    async def _remembered(self, at: int) -> dict[str, Detection]:
        """All detections known from MEMORY before this moment on, or from earlier.

        They are read anew where the moment lies before what is remembered: a record that is seen a second time after
        a kill, or a reading that came late, belongs to the encounter that it had or that others of its time made.
        """
        if self._recent is None or at - 2 * WITHIN < self._since:
            self._recent, self._since = {}, at - MEMORY
            self._entity.clear()
            for doc in await self._doors.docs(self.tenant, entities.ENCOUNTER):
                for detection in encounters.detections_of(doc):
                    if detection.at >= self._since:
                        self._recent[detection.id] = detection
                        self._entity[detection.id] = doc["id"]
        return self._recent

    def _forget_before(self, at: int) -> None:
        gone = [name for name, one in (self._recent or {}).items() if one.at < at]
        for name in gone:
            del (self._recent or {})[name]
            self._entity.pop(name, None)
        self._since = max(self._since, at)

    def _named(self, found: Encounter) -> str:
        """The encounter's entity: the one that a detection of it has already, else one after its first detection."""
        known = [self._entity[one.id] for one in found.detections if one.id in self._entity]
        entity_id = known[0] if known else encounters.encounter_id(found.id)
        for one in found.detections:
            self._entity[one.id] = entity_id
        return entity_id

    async def _scene(self, found: Encounter) -> Scene:
        """The encounter with what stands near it. The worst of its sensors counts: beside houses where one is."""
        by_id = {doc["id"]: doc for doc in await self._doors.docs(self.tenant, entities.SENSOR)}
        surest = by_id[found.surest.sensor]
        beside = any(_is_beside_houses(by_id[one.sensor]) for one in found.detections if one.sensor in by_id)
        place = (found.surest.lon, found.surest.lat)
        siren = nearest(await self._doors.docs(self.tenant, entities.SIREN), place)
        name = entities.text_at(surest, entities.NAME) or surest["id"]
        scene = Scene(
            found,
            name,
            entities.text_at(surest, entities.AREA_NAME) or name,
            beside,
            siren,
            nearest(await self._doors.docs(self.tenant, entities.LIGHT), place),
        )
        if siren is None:
            return scene
        beside = beside or _is_beside_houses(siren)
        sounded = await self._sounded(device_id(siren))
        return replace(scene, siren_refused=judge(await self.rule(), found.last, sounded, beside_houses=beside))

    async def rule(self) -> SirenRule:
        """The town's rule as it stands."""
        return rule_of(await self._doors.broker.get(self.tenant, RULE_ID, ALL_ROWS, ALL_ATTRIBUTES))

    async def _sounded(self, siren: str) -> list[int]:
        """When this siren was told to sound, by the moments of the detections that led to it."""
        return [
            int(decision.content.facts.get("at", 0))
            for decision in await self._doors.alerts.decisions(self.tenant, source=SOURCE)
            for step in decision.steps
            if step.proposal.device == siren and step.proposal.name == "sound" and step.state != "refused"
        ]

    async def _notify(self, call: Call, entity_id: str, scene: Scene, observed: int, taken: int) -> None:
        """One notice for each encounter, and one more where it becomes graver; hunters are told of bears as well."""
        notice_id = encounters.notice_id(entity_id, scene.severity)
        if await self._has(notice_id):
            return
        # Told before it is written down, so that a kill between the two tells it again, which is once for people.
        await self._doors.tell(self.tenant, telling.of_scene(notice_id, scene, taken))
        audience = ("farmers", "residents", "hunters") if scene.severity >= 3 else ("farmers",)
        moments = (observed, taken, times.micros(self._doors.clock.now()))
        change = encounters.notice_change(entity_id, scene.title(), scene.area, audience, scene.severity, moments)
        await self._doors.apply(call, [change])
        await telling.settle(self._doors, self.tenant, notice_id)

    async def _has(self, entity_id: str) -> bool:
        return await self._doors.broker.get(self.tenant, entity_id, ALL_ROWS, ALL_ATTRIBUTES) is not None

    async def _decide_by_permission(self, entity_id: str) -> None:
        """Where the town permits it and the siren may sound, the permission decides, signed by who gave it."""
        rule = await self.rule()
        if not rule.is_automatic():
            return
        for alert in await self._doors.alerts.list(self.tenant, state="open", subject=entity_id):
            if alert.verdict != "undecided" or not any(one.name == "sound" for one in alert.content.proposals):
                continue
            call = replace(own_call(self.tenant, "decide"), actor=Actor("person", rule.allowed_by))
            by = permission(rule, await rule_maker(self._doors, self.tenant))
            try:
                await self._doors.alerts.decide(call, alert.id, alert.version, "accepted", rule.reason, makers=[by])
            except AlreadyDecided:
                logger.info("a person decided first", extra={"tenant": self.tenant, "alert": alert.id})

    async def close_before(self, at: int) -> int:
        """Closes the alerts whose animal was last seen before this moment; how many."""
        return await self._close([alert for alert in await self._open() if self._last_seen(alert) < at])

    def _last_seen(self, alert: Alert) -> int:
        """The alert itself keeps the moment at which it became so grave, which may be long before."""
        recent = self._recent or {}
        seen = (one.at for name, one in recent.items() if self._entity.get(name) == alert.subject)
        return max(alert.observed_at, *seen, 0)

    async def close_stale(self) -> int:
        """The same by the platform's clock, for a tenant in which nothing is seen any more."""
        if not await self.is_on():
            return 0
        before = times.micros(self._doors.clock.now()) - OVER
        return await self._close([alert for alert in await self._open() if alert.changed_at < before])

    async def _open(self) -> list[Alert]:
        return await self._doors.alerts.list(self.tenant, state="open", source=SOURCE, limit=1000)

    async def _close(self, alerts: Sequence[Alert]) -> int:
        for alert in alerts:
            ja, en = alert.content.title["ja"], alert.content.title["en"]
            gone = Content(title={"ja": f"{ja}（その後なし）", "en": f"{en} (not seen since)"})
            call = own_call(self.tenant, "watch", f"alert:{alert.id}")
            await self._doors.alerts.sight(call, Sighting(SOURCE, alert.subject, 0, alert.observed_at + OVER, gone))
        return len(alerts)

    async def sweep_photos(self) -> int:
        """Takes away photographs whose report never came, at most once an hour; how many."""
        now = monotonic()
        if now < self._swept + SWEEP:
            return 0
        self._swept = now
        old = await self._album.old(self.tenant)
        if not old:
            return 0
        there = {doc["id"] for kind in _REPORTS for doc in await self._doors.docs(self.tenant, kind)}
        lost = [one for one in old if one not in there]
        await self._album.forget(self.tenant, lost)
        return len(lost)

    # --- traps -------------------------------------------------------------------------------------------

    async def _trap(self, record: LogRecord) -> None:
        """A trap that closed is told to hunters; that it is to be visited, its own state says."""
        doc = record.entity
        at = entities.observed_at(doc, entities.CLOSED)
        if at is None or entities.value_of(doc, entities.CLOSED) is not True:
            return
        name = entities.text_at(doc, entities.NAME) or record.entity_id
        about = f"{record.entity_id}:{at}"
        notice_id = encounters.notice_id(about, 1)
        if await self._has(notice_id):
            return
        title = {"ja": f"{name}：わなが作動しました", "en": f"{name}: the trap closed"}
        moments = (at, record.at, times.micros(self._doors.clock.now()))
        area = entities.text_at(doc, entities.AREA_NAME) or name
        place = entities.place_of(doc)
        await self._doors.tell(self.tenant, telling.of_trap(notice_id, title, area, at, place, record.at))
        change = encounters.notice_change(about, title, area, ("hunters",), 1, moments)
        call = own_call(self.tenant, "watch", f"log:{self.tenant}:{record.seq}")
        await self._doors.apply(call, [change])
        await telling.settle(self._doors, self.tenant, notice_id)


_REPORTS = frozenset({entities.CATCH, entities.DAMAGE})


def _lost_photo(record: LogRecord) -> bool:
    """Whether the report went, or its word that there is a photograph."""
    return record.kind == "entityDeleted" or entities.PHOTO in record.deleted


def _is_beside_houses(doc: EntityDoc) -> bool:
    """A sensor or siren that does not say so is taken to stand beside houses: the careful side."""
    return entities.value_of(doc, entities.BESIDE_HOUSES) is not False
