"""All pages of the wing."""

from __future__ import annotations

from kumihimo.base.screens import Screen
from kumihimo.solutions.flood.alert_pages import AlertPages
from kumihimo.solutions.flood.demo import FloodDoors
from kumihimo.solutions.flood.gauge_pages import GaugePages
from kumihimo.solutions.flood.overview import Overview
from kumihimo.solutions.flood.stage import Stage

PACKAGE = "kumihimo.solutions.flood"


def flood_screens(doors: FloodDoors, stage: Stage) -> list[Screen]:
    """The pages, in the order of the navigation."""
    overview, gauges, alerts = Overview(doors, stage), GaugePages(doors), AlertPages(doors)
    return [
        Screen("/flood", overview.show, nav="flood.nav", order=10, package=PACKAGE, needs="read"),
        Screen("/flood/map.json", overview.map_json, package=PACKAGE, needs="read"),
        Screen("/flood/base.json", overview.base_json, package=PACKAGE, needs="read"),
        Screen("/flood/replay", overview.replay, overview.control, package=PACKAGE, needs="read", takes="approve"),
        Screen("/flood/alerts", alerts.index, nav="flood.alerts.nav", order=20, package=PACKAGE, needs="read"),
        Screen("/flood/alerts/{id}", alerts.show, alerts.decide, package=PACKAGE, needs="read", takes="approve"),
        Screen(
            "/flood/decisions", alerts.decisions, nav="flood.decisions.nav", order=30, package=PACKAGE, needs="read"
        ),
        Screen("/flood/decisions.csv", alerts.decisions_csv, package=PACKAGE, needs="read"),
        Screen("/flood/gauges/{id}", gauges.show, package=PACKAGE, needs="read"),
        Screen("/flood/gauges/{id}/chart.json", gauges.chart_json, package=PACKAGE, needs="read"),
    ]
