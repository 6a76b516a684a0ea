"""How oppressive the heat is at a place, and how much warmer it is there than around it."""

import statistics

WARM = 75
HOT = 80


def level_of(index: float) -> str:
    """In words that the town's people know."""
    if index >= HOT:
        return "hot"
    return "warm" if index >= WARM else "fair"


def heat(temperature: float, humidity: float, around: list[dict[str, object]]) -> dict[str, object]:
    """The discomfort index (不快指数), and the distance to the median of the stations around."""
    index = 0.81 * temperature + 0.01 * humidity * (0.99 * temperature - 14.3) + 46.3
    others = [one for each in around if isinstance(one := each.get("temperature"), float)]
    warmer = round(temperature - statistics.median(others), 2) if others else None
    return {"discomfort": round(index, 1), "heatLevel": level_of(index), "warmerThanAround": warmer}
