"""What is written below a chart of figures."""

from datetime import UTC, datetime

from kumihimo.service.kpi.chart import chart_of
from kumihimo.service.kpi.effect import Point


def at(day: str) -> Point:
    return Point(int(datetime.fromisoformat(f"{day}T03:00:00").replace(tzinfo=UTC).timestamp()) * 1_000_000, 1.0)


def labels(*days: str) -> list[str]:
    chart = chart_of([[at(day) for day in days]])
    assert chart is not None
    assert [x for x, _ in chart.columns] == sorted(x for x, _ in chart.columns)
    return [label for _, label in chart.columns]


def test_a_label_stands_once_and_says_how_far_apart_the_figures_are() -> None:
    assert labels("2024-04-01", "2026-04-01") == ["2024-04", "2024-10", "2025-04", "2025-10", "2026-04"]
    assert labels("2024-06-01", "2024-06-09") == ["2024-06-01", "2024-06-03", "2024-06-05", "2024-06-07", "2024-06-09"]
    assert labels("2024-06-23", "2024-06-24") == ["2024-06-23", "2024-06-24"]
    assert labels("2024-06-23", "2024-06-23") == ["2024-06-23"]
