"""The cases of cedar-integration-tests through the path by which policies are loaded; see judge.py.

Its policies speak of photos, of made-up types and of all that Cedar can say, so most are refused here: then a case
passes where the refusal names a reason. One that is kept passes where it decides every request as the suite says.
Beside that, Cedar itself is asked through the binding for every request of every case.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cedarpy

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.platform.access.policy_texts import FRESH, is_granted

from kumihimo.platform.access.compile import Policy, policies_of, rights_of, statements
from kumihimo.platform.access.conditions import Facts
from kumihimo.platform.access.words import PolicyRefused

CORPUS = Path("corpus-tests.tar.gz")
REASONS = {
    "for everybody": "a permit says for whom",
    "another type of principal": "a principal is ",
    "another type of resource": "a resource is ",
    "another action": "stands where a Action|there is no Action",
    "another group": "stands where a Role|is in an EntityType",
    "longer, deeper or more than is taken": "brackets|bytes|at most|may name|may have",
    "no Cedar": "no Cedar policy",
    "a name that is not expanded": "expanded name",
    "only a part of resource, context or principal": "are compared with|only `resource|sets that are|is no entity",
    "compared with what does not stand in the policy": "stands in the policy",
    "compared with something other than a text": "compared with a text|is compared with an entity|this set holds",
    "asked of principal, action or resource alone": "is asked",
    "not to be pushed into queries": "cannot be pushed",
    "a template": "template",
}
"""Kinds of refusals, each by words that its reason holds; the first that fits counts."""


class Case(NamedTuple):
    """One test of the suite: its area and name, and what it gives; the requests say what is expected."""

    area: str
    name: str
    policies: str
    entities: list[Any]
    schema: str
    requests: list[Any]


class Outcome(NamedTuple):
    """Whether the policies were kept, whether the case passed, and the refusal's kind or what was wrong."""

    area: str
    name: str
    kept: bool
    passed: bool
    words: str
    requests: int


def cases(suite: Path) -> Iterator[Case]:
    """The handwritten tests, then those of the corpus."""
    for file in sorted((suite / "tests").glob("*/*.json")):
        given = json.loads(file.read_text())
        texts = [(suite / given[part]).read_text() for part in ("policies", "entities", "schema")]
        yield Case(file.parent.name, file.stem, texts[0], json.loads(texts[1]), texts[2], given["requests"])
    with tarfile.open(suite / CORPUS) as corpus:
        texts_by_name: dict[str, str] = {}
        for member in corpus:
            found = corpus.extractfile(member) if member.isfile() else None
            if found is not None:
                texts_by_name[Path(member.name).name] = found.read().decode()
    for name, text in sorted(texts_by_name.items()):
        if name.endswith(".json") and not name.endswith(".entities.json"):
            stem = name.removesuffix(".json")
            entities = json.loads(texts_by_name[f"{stem}.entities.json"])
            policies, schema = texts_by_name[f"{stem}.cedar"], texts_by_name[f"{stem}.cedarschema"]
            yield Case("corpus", stem, policies, entities, schema, json.loads(text)["requests"])


def judged(case: Case) -> Outcome:
    """What became of a case."""
    requests = [one for one in case.requests if all(one.get(part) for part in ("principal", "action", "resource"))]
    try:
        policies = policies_of(case.policies)
    except PolicyRefused as refused:
        kind = next((kind for kind, words in REASONS.items() if re.search(words, refused.detail)), "")
        wrong = _wrong_in_cedar(case, requests)
        return Outcome(
            case.area, case.name, False, bool(kind) and not wrong, wrong or kind or refused.detail, len(requests)
        )
    wrong = _wrong_in_cedar(case, requests) or _wrong_in_masks(case, policies, requests)
    return Outcome(case.area, case.name, True, not wrong, wrong, len(requests))


def _wrong_in_cedar(case: Case, requests: list[Any]) -> str:
    """Requests that the binding answers otherwise; policies that are not even counted through are not handed to it."""
    try:
        list(statements(case.policies))
    except PolicyRefused:
        return ""
    asked = [{part: one[part] for part in ("principal", "action", "resource", "context")} for one in requests]
    # Handwritten entities leave to the schema what is a text and what an entity.
    entities = cedarpy.Entities.from_json_str(json.dumps(case.entities), case.schema)
    answers = cedarpy.is_authorized_batch(asked, case.policies, entities)
    for one, answer in zip(requests, answers, strict=True):
        if answer.allowed is not (one["decision"] == "allow"):
            return f"{one['description']}: Cedar says otherwise"
    return ""


def _wrong_in_masks(case: Case, policies: tuple[Policy, ...], requests: list[Any]) -> str:
    known = {(one["uid"]["type"], one["uid"]["id"]): one for one in (_plain(entity) for entity in case.entities)}
    for one in requests:
        principal, action = one["principal"], one["action"]
        above = _above(known, (principal["type"], principal["id"]))
        roles = frozenset(id_ for kind, id_ in above if kind == "Role")
        facts = Facts(principal["type"], principal["id"], roles, action["id"], one["context"].get("purpose", ""))
        resource = (one["resource"]["type"], one["resource"]["id"])
        entity = {
            "id": resource[1],
            "types": [id_ for kind, id_ in _above(known, resource) if kind == "EntityType"],
            "scopes": [],
            "values": {},
        }
        if is_granted(rights_of(policies, facts), entity, FRESH) is not (one["decision"] == "allow"):
            return f"{one['description']}: the mask says otherwise"
    return ""


def _plain(entity: Any) -> Any:
    uid = entity["uid"].get("__entity", entity["uid"])
    parents = [parent.get("__entity", parent) for parent in entity["parents"]]
    return {"uid": uid, "parents": parents}


def _above(known: Mapping[tuple[str, str], Any], start: tuple[str, str]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    waiting = [start]
    while waiting:
        for parent in known.get(waiting.pop(), {}).get("parents", ()):
            uid = (parent["type"], parent["id"])
            if uid not in found:
                found.add(uid)
                waiting.append(uid)
    return found


def page(commit: str, found: list[Outcome]) -> str:
    """The result table: by area, by the kind of refusal, and what did not pass."""
    lines = [
        "# Judge: Cedar",
        "",
        f"cedar-integration-tests, suite commit {commit}, through the path by which [policies](access-policies.md)",
        "are loaded. Its policies use all that Cedar can say, of types of their own; a case passes where the policies",
        "are refused with a reason, or are kept and decide every request as the suite says, and where Cedar, asked",
        "through its binding, does so too.",
        "",
        "| area | passed | of | kept | requests |",
        "|---|---|---|---|---|",
    ]
    areas = sorted({one.area for one in found})
    rows = [(area, [one for one in found if one.area == area]) for area in areas]
    for area, ones in [*rows, ("**all**", found)]:
        kept, passed = sum(one.kept for one in ones), sum(one.passed for one in ones)
        lines.append(f"| {area} | {passed} | {len(ones)} | {kept} | {sum(one.requests for one in ones):,} |")
    kinds = Counter(one.words for one in found if not one.kept and one.passed)
    lines += [
        "",
        "## Why policies were refused",
        "",
        "The first reason that was met.",
        "",
        "| reason | cases |",
        "|---|---|",
    ]
    lines += [f"| {kind} | {count} |" for kind, count in kinds.most_common()]
    missed = [one for one in found if not one.passed]
    if missed:
        lines += ["", "## Not passed", "", *(f"- {one.area}/{one.name}: {one.words}" for one in missed)]
    return "\n".join(lines) + "\n"
