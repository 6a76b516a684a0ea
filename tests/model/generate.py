"""Documents and queries by chance, from a seeded generator, in the plain shapes of the slow model."""

from __future__ import annotations

from random import Random
from typing import Any

V = "https://uri.etsi.org/ngsi-ld/default-context/"
UNITLESS = {"Relationship", "LanguageProperty", "VocabProperty", "JsonProperty"}
NAMES = [V + "level", V + "name", V + "水位", "https://example.org/a.b#c"]
TYPES = [V + "Gauge", V + "River", V + "雨量計"]
KEYS = ["city", "ja", "en", "deep key"]
TEXTS = ["", "a", "b", "A", "福井市", "足羽川", 'q"<>=;()|', "line\nbreak", "urn:ngsi-ld:X:1", "true", "1", "z.*"]
NUMBERS = [0, 1, 1.0, -1, 1.5, 2, 10, 1e300, 2**60, 10**30, -0.0, 0.1]
MOMENTS = [
    "2024-06-23T10:00:00Z",
    "2024-06-23T10:00:00.000Z",
    "2024-06-23T10:00:00.5Z",
    "2024-06-23T10:00:00.500Z",
    "2024-06-23T10:00:00.500000999Z",
    "2024-06-23T10:00:01Z",
    "2023-01-01T00:00:00Z",
]
TYPED = {
    "DateTime": [*MOMENTS, "2024-06-23T10:00:00,5Z", "2024-06-23T19:00:00+09:00", "soon"],
    "Date": ["2024-06-23", "2023-01-01", "soon"],
    "Time": ["10:00:00Z", "10:00:00", "10:00:00.50Z", "10:00:00,5Z", "09:59:59.999999Z"],
}
"""Texts under the name of a type; "soon" is of none, and a moment that is kept has no offset (clause 4.6.3)."""
WANTED = ["2024-06-23T19:00:00+09:00", "2024-06-23T05:00:00.5-05:00", "2024-06-23", "10:00:00.5Z", "10:00:00"]
"""As they are asked for, beside MOMENTS."""
PATTERNS = ["a", "^[a-z]$", "福.市", "川$", "^$", "(a|b)", "[^a]", "z\\.\\*", "li.*break", "urn:.*:[0-9]+$", "\\d"]
OPERATORS = ["exists", "absent", "==", "!=", ">", ">=", "<", "<=", "~=", "!~="]


def scalar(random: Random) -> Any:
    return random.choice([random.choice(TEXTS), random.choice(NUMBERS), random.choice(MOMENTS), True, False])


def typed(random: Random) -> Any:
    """A JSON-LD value object."""
    if random.random() < 0.15:
        return random.choice(
            [{"@type": "xsd:int", "@value": 1}, *({"@type": "@json", "@value": one} for one in ([1, "a"], None))]
        )
    kind = random.choice(list(TYPED))
    name = random.choice([kind, kind, f"ngsi-ld:{kind}", f"https://uri.etsi.org/ngsi-ld/{kind}"])
    return {"@type": name, "@value": random.choice(TYPED[kind])}


def value(random: Random, depth: int = 0) -> Any:
    kind = random.random()
    if kind < 0.12:
        return typed(random)
    if kind < 0.6 or depth > 1:
        return scalar(random)
    if kind < 0.8:
        return [value(random, depth + 1) for _ in range(random.randrange(4))]
    if kind < 0.85:
        return None
    return {key: value(random, depth + 1) for key in random.sample(KEYS, random.randrange(1, 4))}


def instance(random: Random, depth: int = 0) -> Any:
    kind = random.choice(
        ["Property"] * 4 + ["Relationship", "LanguageProperty", "JsonProperty", "VocabProperty", "ListProperty"]
    )
    one: dict[str, Any] = {"type": kind}
    if kind == "Property":
        one["value"] = value(random)
        if random.random() < 0.15:
            kind = random.choice(list(TYPED))
            one |= {"value": random.choice(TYPED[kind]), "valueType": f"https://uri.etsi.org/ngsi-ld/{kind}"}
    elif kind == "Relationship":
        targets = random.sample(["urn:ngsi-ld:X:1", *(f"urn:ngsi-ld:E:{number}" for number in range(12))], 2)
        one["object"] = random.choice([targets[0], targets])
    elif kind == "LanguageProperty":
        spoken = random.sample(["ja", "en"], random.randrange(1, 3))
        one["languageMap"] = {key: random.choice([random.choice(TEXTS), random.sample(TEXTS, 2)]) for key in spoken}
    elif kind == "JsonProperty":
        one["json"] = value(random)
    elif kind == "VocabProperty":
        one["vocab"] = random.choice(TEXTS)
    else:
        one["valueList"] = [value(random, 1) for _ in range(random.randrange(3))]
    if random.random() < 0.4:
        one["observedAt"] = random.choice(MOMENTS)
    if random.random() < 0.3 and kind not in UNITLESS:
        one["unitCode"] = random.choice(["MTR", "CEL"])
    if depth < 2 and random.random() < 0.4:
        one["attrs"] = attrs(random, depth + 1)
    return one


def attrs(random: Random, depth: int = 0) -> Any:
    found: dict[str, Any] = {}
    for name in random.sample(NAMES, random.randrange(1, 4)):
        found[name] = [instance(random, depth)]
        if random.random() < 0.3:
            found[name].append({**instance(random, depth), "datasetId": "urn:d:1"})
    return found


def entity(random: Random, number: int) -> Any:
    return {
        "id": f"urn:ngsi-ld:E:{number}",
        "type": random.sample(TYPES, random.randrange(1, 3)),
        "attrs": attrs(random),
    }


def query(random: Random, depth: int = 0) -> Any:
    if depth < 3 and random.random() < 0.4:
        return (random.choice(["and", "or"]), [query(random, depth + 1) for _ in range(random.randrange(2, 4))])
    names, member, keys = path(random)
    if not member and random.random() < 0.1:
        keys = ["*"]
    operator = random.choice(OPERATORS)
    return ("term", names, member, keys, operator, values(random, operator, member))


def path(random: Random) -> tuple[list[str], str, list[str]]:
    names = [random.choice(NAMES) for _ in range(random.choice([1, 1, 1, 2, 3]))]
    member = random.choice(["", "", "", "observedAt", "unitCode"])
    keys = [random.choice(KEYS) for _ in range(random.choice([0, 0, 1, 2]))] if not member else []
    return names, member, keys


def linked_query(random: Random, depth: int = 0) -> Any:
    inner: Any = ("term", [random.choice(NAMES)], "", [], "exists", [])
    if random.random() < 0.5:
        inner = linked_query(random, depth + 1) if depth < 1 and random.random() < 0.5 else query(random, 3)
    link = ("link", random.choice(NAMES), random.sample(TYPES, random.randrange(2)), inner)
    return link if random.random() < 0.6 else (random.choice(["and", "or"]), [link, query(random, 2)])


def order(random: Random) -> list[Any]:
    """Keys of an order: names, member, keys, whether descending; the entity's id and types are members of nothing."""
    one = ([], random.choice(["id", "type"]), []) if random.random() < 0.15 else path(random)
    key = (*one, random.random() < 0.5)
    return [key, *order(random)] if random.random() < 0.4 else [key]


def values(random: Random, operator: str, member: str) -> list[Any]:
    if operator in ("exists", "absent"):
        return []
    if operator in ("~=", "!~="):
        return [random.choice(PATTERNS)]
    plain = random.choice(MOMENTS) if member == "observedAt" else wanted(random)
    if operator not in ("==", "!="):
        return [plain]
    many = [plain]
    if random.random() < 0.4:
        many.append(random.choice(MOMENTS) if member == "observedAt" else wanted(random))
    if random.random() < 0.3:
        pool: Any = MOMENTS if member == "observedAt" else random.choice([TEXTS, NUMBERS, MOMENTS + WANTED])
        many.append(("range", random.choice(pool), random.choice(pool)))
    return many


def wanted(random: Random) -> Any:
    return random.choice(MOMENTS + WANTED) if random.random() < 0.4 else scalar(random)


def types(random: Random, depth: int = 0) -> Any:
    if depth > 1 or random.random() < 0.5:
        return random.choice(TYPES)
    return (random.choice(["and", "or"]), [types(random, depth + 1) for _ in range(2)])
