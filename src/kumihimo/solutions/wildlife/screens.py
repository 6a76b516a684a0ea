"""All pages of the wing."""

from __future__ import annotations

from kumihimo.base.screens import Screen
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


def wildlife_screens(doors: WildlifeDoors, stage: Stage) -> list[Screen]:
    """The pages; one entry in the navigation, the rest is reached from there."""
    album = Album(doors.database, doors.clock)
    overview, alerts = Overview(doors, stage), AlertPages(doors)
    replay = ReplayPages(doors, stage)
    field, photos = FieldPages(doors, stage, album), PhotoPages(doors, album)
    return [
        Screen("/wildlife", overview.show, nav="wildlife.nav", order=35, package=PACKAGE),
        Screen("/wildlife/map.json", overview.map_json, package=PACKAGE),
        Screen("/wildlife/base.json", overview.base_json, package=PACKAGE),
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
