"""What a pack makes in a town, each as a canonical text: equal texts are equal things."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from kumihimo.base.errors import Problem
from kumihimo.device.registry.models import Device
from kumihimo.platform.access.compile import policies_of
from kumihimo.platform.jsonld.contexts import Context, Contexts
from kumihimo.platform.jsonld.expand import expand_entity
from kumihimo.solutions.packs.errors import refused, refused_at
from kumihimo.solutions.packs.families import family_text
from kumihimo.solutions.packs.manifest import entities_of
from kumihimo.solutions.packs.models import DeviceEntry, Held, Item, Pack, RuleFile
from kumihimo.solutions.packs.parameters import Values, filled, values_of
from kumihimo.solutions.packs.ports import RuleSets, RulesSaid
from kumihimo.solutions.packs.rights import document_of, policies_text

_OF_BROKER: Final = frozenset({"createdAt", "modifiedAt", "deletedAt", "instanceId"})
"""Members that the broker adds to what it is given."""
_END: Final = re.compile(r"[/#:]([^/#:]+)\Z")


def canonical(value: Any) -> str:
    """JSON with its members in the order of their names."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def entity_text(doc: Mapping[str, Any]) -> str:
    """An entity without what the broker adds. What a value holds stays in the order in which it was given."""
    return json.dumps(_arranged(doc), ensure_ascii=False, separators=(",", ":"))


def _arranged(part: Mapping[str, Any]) -> dict[str, Any]:
    """An entity or an instance of an attribute, its members in the order of their names."""
    kept = {name: part[name] for name in sorted(part) if name not in _OF_BROKER}
    if isinstance(kept.get("attrs"), Mapping):
        attrs = kept["attrs"]
        kept["attrs"] = {name: [_arranged(one) for one in attrs[name]] for name in sorted(attrs)}
    return kept


def device_text(device: Device) -> str:
    """A device as it was registered, without its counters."""
    return canonical(
        {
            "family": device.family,
            "name": device.name,
            "entity": device.entity_id,
            "type": device.entity_type,
            "settings": dict(device.settings),
            "place": None if device.location is None else list(device.location),
        }
    )


def device_of(id_: str, text: str) -> Device:
    """The device that `device_text` tells of."""
    found = json.loads(text)
    place = found["place"]
    return Device(
        id=id_,
        family=found["family"],
        name=found["name"],
        entity_id=found["entity"],
        entity_type=found["type"],
        settings=found["settings"],
        location=None if place is None else (place[0], place[1]),
    )


async def context_of(contexts: Contexts, held: Held, tenant: str = "") -> Context:
    """The pack's own @context. PackRefused where one of its names would stand for something else than it says."""
    pack = held.pack
    if pack.context is None:
        context = contexts.core
    else:
        try:
            context = await contexts.resolve(json.loads(held.files[pack.context])["@context"], tenant)
        except Problem as problem:
            raise refused_at(pack.context, problem) from problem
    for name in sorted({name for model in pack.models for name in (model.type, *model.attributes)}):
        _check_same_name(name, context.expand(name))
    return context


def _check_same_name(name: str, expanded: str) -> None:
    """Rights are given to expanded names and read by people as short ones: both must say the same."""
    found = _END.search(expanded)
    if found is None or found[1] != name:
        raise refused(
            f"the context makes {expanded!r} of {name!r}; in a pack a name must be the last part of what it stands for,"
            " so that nobody gives a right to something else than is read",
            f"コンテキストでは {name!r} が {expanded!r} になります。読んだものと違うものに権利を与えないよう、"
            "パックの名前は表すものの末尾と同じにします",
        )


async def wanted(
    contexts: Contexts, rule_sets: RuleSets | None, held: Held, values: Values, *, sample: bool
) -> list[Item]:
    """All that the pack makes, in the order of making. PackRefused, or a Problem of the room that would not take it."""
    context = await context_of(contexts, held)
    return [
        *_context_items(held),
        *_policy_items(held.pack, context),
        *(Item("family", one.name, family_text(one, context)) for one in held.pack.codecs),
        *(Item("device", one.id, device_text(registered(one, context))) for one in held.pack.devices),
        *_entity_items(held, context, sample=sample),
        *rule_items(held, values, rule_sets, rule_names(held.pack, contexts.core, context)),
    ]


def _context_items(held: Held) -> Iterator[Item]:
    if held.pack.context is not None:
        document = json.loads(held.files[held.pack.context])["@context"]
        yield Item("context", held.pack.id, canonical(document))


def _policy_items(pack: Pack, context: Context) -> Iterator[Item]:
    text = policies_text(pack, context.expand)
    if text:
        policies_of(text)
        yield Item("policies", document_of(pack), text)


def registered(one: DeviceEntry, context: Context) -> Device:
    """The device that an entry of the manifest tells of."""
    settings: dict[str, Any] = {} if one.attribute is None else {"attribute": context.expand(one.attribute)}
    settings |= {name: value for name, value in (("min", one.least), ("max", one.most)) if value is not None}
    return Device(one.id, one.family, one.name, one.entity, context.expand_type(one.type), settings, one.place)


def _entity_items(held: Held, context: Context, *, sample: bool) -> Iterator[Item]:
    names = (*held.pack.start, *(held.pack.sample if sample else ()))
    known = {context.expand_type(one.type) for one in held.pack.models}
    for given in entities_of(held, names):
        try:
            doc = expand_entity({name: value for name, value in given.items() if name != "@context"}, context)
        except Problem as problem:
            raise refused_at(f"entity {str(given.get('id'))[:120]}", problem) from problem
        if not set(doc["type"]) <= known:
            raise refused(
                f"entity {doc['id']}: its type is none of the pack's models",
                f"entity {doc['id']}: 型がパックのモデルではありません",
            )
        yield Item("entity", doc["id"], entity_text(doc))


def rule_names(pack: Pack, core: Context, context: Context) -> dict[str, str]:
    """The short names of the pack's models that its own @context gives an address, and that: the rules of the pack say
    them short, and keep what they stand for.
    """
    names = dict.fromkeys(name for model in pack.models for name in (model.type, *model.attributes))
    return {name: context.expand(name) for name in names if context.expand(name) != core.expand(name)}


def rule_items(held: Held, values: Values, rule_sets: RuleSets | None, names: Mapping[str, str]) -> Iterator[Item]:
    """The sets of rules with the town's values in their places, and with what their short names stand for; without a
    value for all of them there is no set.
    """
    own = values_of(held.pack, values)
    for one in held.pack.rules:
        try:
            text = filled(held.files[one.file].decode("utf-8"), own)
        except KeyError:
            continue
        text = text if rule_sets is None else rule_sets.named(text, names)
        yield Item("rules", rules_name(held.pack, one), text)


def rules_name(pack: Pack, one: RuleFile) -> str:
    """Under which name a file of rules is kept: the pack's and the file's."""
    return f"{pack.id}-{one.file.rpartition('/')[2].partition('.')[0].lower()}"


def check_rules(pack: Pack, one: RuleFile, said: RulesSaid, expand: Callable[[str], str]) -> None:
    """PackRefused where the rules do what the manifest does not say, or go by another name."""
    where, at = f"{one.file} of {pack.id}", f"{pack.id} の {one.file}"
    kinds = {name.partition(".")[0] for name in one.watches}
    watched, written = ({expand(name.partition(".")[2]) for name in names} for names in (one.watches, one.writes))
    if said.name != rules_name(pack, one):
        raise refused(
            f"{where}: the set is named {said.name!r}; in this pack it is {rules_name(pack, one)!r}",
            f"{at}: 規則の名前が {said.name!r} です。このパックでは {rules_name(pack, one)!r} にします",
        )
    for name in sorted(name for model in pack.models for name in (model.type, *model.attributes)):
        if name in said.names and said.names[name] != expand(name):
            raise refused(
                f"{where}: its names make {said.names[name]!r} of {name!r}, the pack's @context {expand(name)!r}",
                f"{at}: {name!r} は names では {said.names[name]!r}、パックの @context では {expand(name)!r} です",
            )
    if said.watches is None:
        raise refused(
            f"{where}: a rule without watch watches whatever changes; name each attribute there and under watches",
            f"{at}: watch のない規則はすべての変化を見ます。見る属性を watch とマニフェストの watches に書いてください",
        )
    _check_said(
        said.watches,
        watched,
        f"{where}: it watches what the manifest does not say under watches",
        f"{at}: マニフェストの watches にないものを見ています。見る属性をすべて watches に書いてください",
    )
    _check_said(
        said.types,
        {expand(kind) for kind in kinds},
        f"{where}: it looks at types that the manifest does not say under watches",
        f"{at}: マニフェストの watches にない型を見ています",
    )
    _check_said(
        said.writes,
        written,
        f"{where}: it changes what the manifest does not say under writes",
        f"{at}: マニフェストにないものを変えます。変える属性をすべて writes に書いてください",
    )
    known = set() if pack.program is None else {each.name for each in pack.program.functions}
    if not said.calls <= known:
        unknown = ", ".join(sorted(said.calls - known))
        raise refused(
            f"{where}: it calls {unknown}, which the pack's program does not declare",
            f"{at}: {unknown} という関数は、パックのプログラムに宣言されていません",
        )
    if not said.does <= set(one.does):
        done = ", ".join(sorted(said.does - set(one.does)))
        raise refused(f"{where}: it does {done}, which does must name", f"{at}: does に {done} を書いてください")


def _check_said(names: AbstractSet[str], known: AbstractSet[str], en: str, ja: str) -> None:
    """PackRefused, in these words, with the names that the manifest does not say. Where it says the same short name of
    something else, an expression of the file spells that in full, so that its short name is not the pack's there.
    """
    unsaid = sorted(names - known)
    if not unsaid:
        return
    full = {_last(one): one for one in known}
    short = [_last(one) for one in unsaid]
    listed, meant = ", ".join(short), ", ".join(full[one] for one in short if one in full)
    if not meant:
        raise refused(f"{en}: {listed}", f"{ja}: {listed}")
    raise refused(
        f"{en}: {listed}; write {meant} in one way in the whole file: short, or in full also in the expressions",
        f"{ja}: {listed}。{meant} は、短い名前か省略しない名前のどちらか一方だけで、式の中も同じように書きます",
    )


def _last(name: str) -> str:
    found = _END.search(name)
    return name if found is None else found.group(1)
