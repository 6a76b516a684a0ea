"""Single attribute instances: found by datasetId, stamped, merged, compared. Pure; nothing is changed in place
but the lists that a caller has copied for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, cast

from kumihimo.base import jsontext, times
from kumihimo.base.errors import BadRequestData, PayloadTooLarge
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, UNITLESS, VALUE_MEMBER, EntityDoc, Instance

_VALUE_MEMBERS = frozenset(VALUE_MEMBER.values())
_FIXED = frozenset({"type", "datasetId", "createdAt", "modifiedAt"})
MAX_INSTANCES = 1000
"""Instances that one attribute may have: each is looked for among the others, so that the work grows as the square."""
MAX_ATTRIBUTES = 2000
MAX_TYPES = 100
MAX_BYTES = 2 * 1024 * 1024
"""Of an entity as it is stored: every query that looks into it reads all of it, and so does every subscription."""


def bounded(name: str, instances: list[Instance]) -> list[Instance]:
    """The instances themselves; PayloadTooLarge where they are too many for one attribute."""
    if len(instances) > MAX_INSTANCES:
        raise PayloadTooLarge(f"{name} has {len(instances)} instances; at most {MAX_INSTANCES} are kept")
    return instances


def dataset_of(instance: Instance) -> str:
    """Its datasetId, "" for the default instance."""
    return instance.get("datasetId", "")


def find(instances: Iterable[Instance] | None, dataset: str) -> Instance | None:
    """The instance with this datasetId, or None."""
    for instance in instances or ():
        if instance.get("datasetId", "") == dataset:
            return instance
    return None


def put(attrs: dict[str, list[Instance]], name: str, instance: Instance) -> None:
    """Puts the instance in the place of the one with its datasetId, else at the end; PayloadTooLarge for no room."""
    instances = attrs.setdefault(name, [])
    dataset = dataset_of(instance)
    for place, one in enumerate(instances):
        if dataset_of(one) == dataset:
            instances[place] = instance
            return
    instances.append(instance)
    bounded(name, instances)


def take_out(attrs: dict[str, list[Instance]], name: str, dataset: str) -> Instance:
    """Takes the instance out and gives it; the attribute goes with its last instance."""
    instances = attrs[name]
    taken = next(one for one in instances if dataset_of(one) == dataset)
    rest = [one for one in instances if one is not taken]
    if rest:
        attrs[name] = rest
    else:
        del attrs[name]
    return taken


def is_null(instance: Instance) -> bool:
    """Whether it is an NGSI-LD Null, that is, asks for deletion (clause 4.5.0)."""
    for member in _VALUE_MEMBERS & instance.keys():
        value = cast("dict[str, Any]", instance)[member]
        if value == NGSI_LD_NULL or (member == "languageMap" and value == {"@none": NGSI_LD_NULL}):
            return True
        if member in {"valueList", "objectList"} and value == [NGSI_LD_NULL]:
            return True
    return False


def stamped(instance: Instance, now: str, before: Instance | None) -> Instance:
    """The instance with createdAt (kept from the one before it) and modifiedAt; observedAt brought to UTC.

    A moment given with another offset is the same moment; in UTC it can be compared as text by both engines.
    """
    new = cast("Instance", dict(instance))
    new["createdAt"] = now if before is None else before.get("createdAt", now)
    new["modifiedAt"] = now
    observed = new.get("observedAt")
    if observed is not None:
        new["observedAt"] = times.kept(observed)
    attrs = new.get("attrs")
    if attrs:
        held = before.get("attrs", {}) if before is not None else {}
        new["attrs"] = {
            name: [stamped(one, now, find(held.get(name), dataset_of(one))) for one in bounded(name, instances)]
            for name, instances in attrs.items()
        }
    return new


# --- partial update and merge ----------------------------------------------------------------------------


def patched(name: str, before: Instance, fragment: Instance, now: str) -> Instance:
    """A partial update (clauses 5.5.8 and 5.6.4): each member given replaces the one there, Null takes it away."""
    new = _fitted(name, before, fragment)
    for member, value in fragment.items():
        if member != "attrs" and member not in _FIXED:
            _set(cast("dict[str, Any]", new), member, value)
    attrs = _placed(new, fragment, lambda _sub, standing, one: stamped(without_nulls(one), now, standing))
    return _with_attrs(new, attrs, before, now)


def merged(name: str, before: Instance | None, fragment: Instance, now: str) -> Instance:
    """A merge (clause 5.5.12): objects are merged member by member, Nulls take away, all else replaces."""
    if before is None:
        _require_value(name, fragment)
        return stamped(without_nulls(fragment), now, None)
    new = _fitted(name, before, fragment)
    for member, value in fragment.items():
        if member == "attrs" or member in _FIXED:
            continue
        old = before.get(member)
        _set(cast("dict[str, Any]", new), member, merge_patch(old, value) if isinstance(old, dict) else value)
    attrs = _placed(new, fragment, lambda sub, standing, one: merged(sub, standing, one, now))
    return _with_attrs(new, attrs, before, now)


def _placed(
    new: Instance, fragment: Instance, make: Callable[[str, Instance | None, Instance], Instance]
) -> dict[str, list[Instance]]:
    """The sub-attributes with those of the fragment, each in the place of the one with its datasetId."""
    attrs = dict(new.get("attrs", {}))
    for sub, instances in fragment.get("attrs", {}).items():
        attrs[sub] = list(attrs.get(sub, []))
        for one in instances:
            standing = find(attrs[sub], dataset_of(one))
            if not is_null(one):
                put(attrs, sub, make(sub, standing, one))
            elif standing is not None:
                attrs[sub] = [other for other in attrs[sub] if other is not standing]
    return attrs


def _require_value(name: str, fragment: Instance) -> None:
    """Clause 5.5.12: what is not there yet is added as it is given, so it must be whole."""
    if not _VALUE_MEMBERS & fragment.keys():
        raise BadRequestData(f"{name} is not there yet; give it a value")
    for sub, instances in fragment.get("attrs", {}).items():
        for one in instances:
            _require_value(f"{name}.{sub}", one)


def _fitted(name: str, before: Instance, fragment: Instance) -> Instance:
    """A copy of `before`, once the fragment is seen to fit its type."""
    kind = before["type"]
    given = fragment.get("type", kind)
    if given != kind:
        raise BadRequestData(f"{name} is a {kind}; its type cannot become {given} here, replace the attribute instead")
    for member in fragment:
        if member in _VALUE_MEMBERS and member != VALUE_MEMBER[kind]:
            raise BadRequestData(f"{name} is a {kind}; it holds {VALUE_MEMBER[kind]!r}, not {member!r}")
    if kind in UNITLESS and fragment.get("unitCode", NGSI_LD_NULL) != NGSI_LD_NULL:
        raise BadRequestData(f"{name} is a {kind}, which has no unitCode")
    return cast("Instance", dict(before))


def _set(new: dict[str, Any], member: str, value: Any) -> None:
    if value == NGSI_LD_NULL:
        new.pop(member, None)
    else:
        new[member] = drop_nulls(value)


def _with_attrs(new: Instance, attrs: dict[str, list[Instance]], before: Instance, now: str) -> Instance:
    """Stamps it and sets the sub-attributes that are left, which carry their own stamps."""
    new.pop("attrs", None)
    new = stamped(new, now, before)
    left = {sub: many for sub, many in attrs.items() if many}
    if left:
        new["attrs"] = left
    return new


def without_nulls(instance: Instance) -> Instance:
    """The instance without members, sub-attributes and keys of values that are an NGSI-LD Null."""
    new = {member: drop_nulls(value) for member, value in instance.items() if value != NGSI_LD_NULL}
    subs = instance.get("attrs", {})
    left = {sub: [without_nulls(one) for one in many if not is_null(one)] for sub, many in subs.items()}
    left = {sub: many for sub, many in left.items() if many}
    new.pop("attrs", None)
    if left:
        new["attrs"] = left
    return cast("Instance", new)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396 with the NGSI-LD Null in the place of null."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value == NGSI_LD_NULL:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def drop_nulls(value: Any) -> Any:
    """The value without object members that are an NGSI-LD Null; itself where there are none."""
    if isinstance(value, dict) and _holds_null(value):
        return merge_patch({}, value)
    return value


def _holds_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_null(one) for one in value.values())
    return isinstance(value, str) and value == NGSI_LD_NULL


# --- readings --------------------------------------------------------------------------------------------


def moment(stored: str) -> int:
    """Microseconds of a moment that was checked when it came in."""
    return times.micros(_moment(stored))


def _moment(stored: str) -> datetime:
    found = datetime.fromisoformat(stored)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def order(one: Instance, other: Instance) -> int:
    """1 where the first was observed after the other, 0 at the same moment, -1 before it."""
    left, right = one["observedAt"], other["observedAt"]
    if len(left) == len(right) and left[-1] == right[-1] == "Z":
        # Written alike, they order as texts do, which is ten times faster.
        return (left > right) - (left < right)
    first, second = moment(left), moment(right)
    return (first > second) - (first < second)


def same_reading(one: Instance, other: Instance) -> bool:
    """Whether both say the same value in the same unit, so that the second of the same moment is a duplicate."""
    member = VALUE_MEMBER[one["type"]]
    left, right = one.get(member), other.get(member)
    return (
        one["type"] == other["type"]
        and one.get("unitCode") == other.get("unitCode")
        and left == right
        and isinstance(left, bool) == isinstance(right, bool)
    )


def check_storable(doc: EntityDoc | None) -> None:
    """BadRequestData for U+0000, from wherever the change comes: no engine keeps it as it is (decision 9)."""
    if doc is not None and jsontext.holds_nul(doc):
        raise BadRequestData("the entity holds the character U+0000, which is not stored; take it out")


def check_size(doc: EntityDoc | None) -> None:
    """PayloadTooLarge where an entity has more attributes or types than pages and answers can bear."""
    if doc is None:
        return
    for what, found, most in (
        ("attributes", len(doc["attrs"]), MAX_ATTRIBUTES),
        ("types", len(doc["type"]), MAX_TYPES),
    ):
        if found > most:
            raise PayloadTooLarge(f"{doc['id']} would have {found} {what}; at most {most} are kept")


def check_bytes(doc: EntityDoc, text: str, before: EntityDoc | None) -> None:
    """PayloadTooLarge where the entity's text is over the limit and longer than it was: it may always shrink."""
    if len(text) * 4 <= MAX_BYTES:
        return
    size = len(text.encode())
    if size > MAX_BYTES and (before is None or size > len(jsontext.dumps(before))):
        raise PayloadTooLarge(
            f"{doc['id']} would have {size} bytes; at most {MAX_BYTES} are kept. Keep large data elsewhere and name "
            "its address here, or split the entity"
        )
