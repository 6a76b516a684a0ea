"""All pages of the wing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from typing import Final

from kumihimo.base.screens import Answer, Ask, Handler, Page, Screen
from kumihimo.solutions.wildlife.album import Album
from kumihimo.solutions.wildlife.alert_pages import AlertPages
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.field_pages import FieldPages
from kumihimo.solutions.wildlife.overview import Overview
from kumihimo.solutions.wildlife.photo_pages import PhotoPages
from kumihimo.solutions.wildlife.photos import MAX_FORM
from kumihimo.solutions.wildlife.replay_pages import ReplayPages
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.words import PACKAGE

WAYS: Final = (
    ("/wildlife", "wildlife.nav"),
    ("/wildlife/report", "wildlife.report.title"),
    ("/wildlife/reports", "wildlife.reports.title"),
    ("/wildlife/patrol", "wildlife.patrol.title"),
    ("/wildlife/decisions", "wildlife.decisions.title"),
    ("/wildlife/siren", "wildlife.rule.title"),
    ("/wildlife/method", "wildlife.method.title"),
)
"""The pages to which each of the wing's pages leads, by path and the key of their name."""

OF_THE_FIELD: Final = ("/wildlife/reports", "/wildlife/patrol")
"""Those that are empty for whoever neither sees the traps nor reports, as residents."""


def wildlife_screens(doors: WildlifeDoors, stage: Stage) -> list[Screen]:
    """The pages; one entry in the navigation, the rest is reached from there."""
    album = Album(doors.database, doors.clock)
    overview, alerts = Overview(doors, stage), AlertPages(doors)
    replay = ReplayPages(doors, stage)
    field, photos = FieldPages(doors, stage, album), PhotoPages(doors, album)
    screens = [
        Screen("/wildlife", overview.show, nav="wildlife.nav", order=35, package=PACKAGE, needs="read"),
        Screen("/wildlife/map.json", overview.map_json, package=PACKAGE, needs="read"),
        Screen("/wildlife/base.json", overview.base_json, package=PACKAGE, needs="read"),
        Screen("/wildlife/method", overview.method, package=PACKAGE, needs="read"),
        Screen("/wildlife/alerts/{id}", alerts.show, alerts.decide, package=PACKAGE, takes="approve"),
        Screen("/wildlife/decisions", alerts.decisions, package=PACKAGE),
        Screen("/wildlife/decisions.csv", alerts.decisions_csv, package=PACKAGE),
        Screen("/wildlife/siren", alerts.rule, alerts.set_rule, package=PACKAGE),
        Screen("/wildlife/patrol", field.patrol, package=PACKAGE, needs="read"),
        Screen(
            "/wildlife/report", field.report, field.take, package=PACKAGE, needs="write", takes="write", most=MAX_FORM
        ),
        Screen("/wildlife/worker.js", field.worker, package=PACKAGE, needs="write"),
        Screen("/wildlife/replay", replay.ask_back, replay.control, package=PACKAGE, needs="approve", takes="approve"),
        Screen("/wildlife/reports", photos.reports, package=PACKAGE, needs="read"),
        Screen("/wildlife/photos/{id}", photos.show, photos.drop, package=PACKAGE, needs="read", takes="delete"),
    ]
    return [
        replace(one, show=_with_ways(one.show, screens, doors), post=one.post and _with_ways(one.post, screens, doors))
        for one in screens
    ]


def _with_ways(handler: Handler, screens: Sequence[Screen], doors: WildlifeDoors) -> Handler:
    """The handler, whose pages lead to those of the wing's pages that their reader may see."""
    needs = {one.path: one.needs for one in screens}

    @wraps(handler)
    async def answer(ask: Ask) -> Answer:
        found = await handler(ask)
        if not isinstance(found, Page):
            return found
        open_ = {one for one in set(needs.values()) if await doors.may_open(ask.call, one)}
        works = await doors.sees_all(ask.call) or await doors.may_open(ask.call, "write")
        ways = [one for one in WAYS if needs[one[0]] in open_ and (works or one[0] not in OF_THE_FIELD)]
        return replace(found, data={**found.data, "links": ways})

    return answer
