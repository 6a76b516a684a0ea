"""Programs of packs bound to rules: each is called by its own pack's rules alone, and writes what it asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from kumihimo.app.platform import Platform
from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.programs.models import Function, Program, ProgramFailed, ProgramLate, Value
from kumihimo.service.rules.definition import Action, Definition, Rule
from kumihimo.service.rules.models import Order, Uncomputed
from kumihimo.service.rules.refusal import Words
from kumihimo.solutions.packs.items import context_of, rules_name
from kumihimo.solutions.packs.models import Held, RuleFile
from kumihimo.solutions.packs.running import mark_of

_CACHED: Final = 100
_NO_PACK: Final = Words(
    "パックのプログラムを呼べるのは、そのパックが入れた規則セットだけです。",
    "only a rule set that a pack brought calls the pack's program",
)


class _Own:
    """A pack with a program as it is installed, and one of its files of rules. writes: type and attribute, long. short:
    the names of the pack's models' attributes by what the pack's @context makes of them, as rules name them.
    """

    def __init__(
        self,
        held: Held,
        program: Program,
        file: RuleFile,
        writes: frozenset[tuple[str, str]],
        short: Mapping[str, str],
    ) -> None:
        self.pack = held.pack
        self.program = program
        self.file = file
        self.writes = writes
        self.short = short

    def taken(self, declared: Function | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What a function is given, with the entities' attributes by the names that the pack has for them."""
        lists = {one.name for one in declared.takes if one.kind == "entities"} if declared is not None else set()
        return {name: self._renamed(value) if name in lists else value for name, value in arguments.items()}

    def _renamed(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [
            {self.short.get(key, key): each for key, each in one.items()} if isinstance(one, Mapping) else one
            for one in value
        ]


class PackFunctions:
    """As service.rules.models.Functions."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._cache: dict[tuple[str, str, str], _Own | None] = {}

    def bind(self) -> None:
        """Puts this behind the rules."""
        self._platform.rule_sets.bind_functions(self)

    async def of_text(self, tenant: str, definition: Definition) -> Words | None:
        """As Functions."""
        own = await self._own(tenant, definition.name)
        if own is None:
            return _NO_PACK
        expand = self._platform.rule_sets.names(definition).expand
        for rule in definition.rules:
            for action in rule.actions:
                if action.do == "compute" and (words := self._of_action(own, rule, action, expand)):
                    return words
        return None

    def _of_action(self, own: _Own, rule: Rule, action: Action, expand: Callable[[str], str]) -> Words | None:
        function = own.program.function(action.function)
        if function is None:
            return Words(
                f"パック {own.pack.id} のプログラムに関数 {action.function} はありません。",
                f"the program of the pack {own.pack.id} has no function {action.function}",
            )
        if lost := _difference(function.takes, action.arguments):
            return Words(
                f"関数 {function.name} に渡す値が宣言と違います（{lost}）。",
                f"what the function {function.name} is given is not what it takes: {lost}",
            )
        gives = {one.name for one in function.gives}
        if other := sorted(name for name in action.attributes if own.short.get(name, name) not in gives):
            return Words(
                f"関数 {function.name} は {other[0]} を答えません。",
                f"the function {function.name} gives no {other[0]}",
            )
        kinds = [action.type] if action.type else [] if action.entity else list(rule.types)
        return _unasked(own, [expand(one) for one in kinds], [expand(one) for one in action.attributes])

    async def of_order(self, tenant: str, order: Order) -> Words | None:
        """As Functions."""
        own = await self._own(tenant, order.rule_set)
        if own is None:
            return _NO_PACK
        content = order.content
        entity = str(content.get("entity") or content.get("of", ""))
        doc = await self._platform.broker.get(tenant, entity, ALL_ROWS, ALL_ATTRIBUTES) if entity else None
        kinds = doc["type"] if doc is not None else [str(content.get("type", ""))]
        return _unasked(own, kinds, list(content.get("attributes", {})))

    async def call(self, tenant: str, rule_set: str, function: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """As Functions."""
        own = await self._own(tenant, rule_set)
        if own is None:
            raise Uncomputed(_NO_PACK)
        declared = own.program.function(function)
        try:
            given = own.taken(declared, arguments)
            found = await self._platform.programs.call((tenant, own.pack.id), own.program, function, given)
        except ProgramFailed as problem:
            words = Words(f"{function}()：{problem.ja}。", f"{function}(): {problem.en}")
            raise Uncomputed(words, is_late=isinstance(problem, ProgramLate)) from problem
        gives = () if declared is None else declared.gives
        made = {one.name: _instance(one, found[one.name]) for one in gives if found.get(one.name) is not None}
        return {**made, **{long: made[name] for long, name in own.short.items() if name in made}}

    async def _own(self, tenant: str, rule_set: str) -> _Own | None:
        """The pack that brought the set, with its program; None where none did, or where it has none."""
        packs = self._platform.packs
        id_ = await packs.owner(tenant, "rules", rule_set)
        install = next((one for one in await packs.all(tenant) if one.id == id_), None)
        if install is None:
            return None
        key = (tenant, rule_set, mark_of(install))
        if key not in self._cache:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[key] = await self._read(tenant, id_, rule_set)
        return self._cache[key]

    async def _read(self, tenant: str, id_: str, rule_set: str) -> _Own | None:
        try:
            _, held = await self._platform.packs.get(tenant, id_)
        except ResourceNotFound:
            return None
        program = held.program
        file = next((one for one in held.pack.rules if rules_name(held.pack, one) == rule_set), None)
        if program is None or file is None:
            return None
        context = await context_of(self._platform.contexts, held)
        parts = [name.partition(".") for name in file.writes]
        writes = frozenset((context.expand_type(kind), context.expand(name)) for kind, _, name in parts)
        short = {context.expand(name): name for model in held.pack.models for name in model.attributes}
        return _Own(held, program, file, writes, short)


def _unasked(own: _Own, kinds: Sequence[str], attributes: Sequence[str]) -> Words | None:
    """Why these attributes of an entity may not be written: the pack must have asked for each of one of its types."""
    for name in attributes:
        if kinds and not any((kind, name) in own.writes for kind in kinds):
            short = name.rpartition("/")[2]
            return Words(
                f"パック {own.pack.id} は、この型の {short} を書く権利を求めていません（{own.file.file} の writes）。",
                f"the pack {own.pack.id} asked for no right to write {short} of this type (writes of {own.file.file})",
            )
    return None


def _difference(takes: Sequence[Value], given: Mapping[str, Any]) -> str:
    """The names of what is missing or too much, "" for none."""
    known = {one.name for one in takes}
    needed = {one.name for one in takes if one.needed}
    return ", ".join(sorted((needed - set(given)) | (set(given) - known)))


def _instance(one: Value, value: Any) -> dict[str, Any]:
    """What is set for a value that a function gave."""
    if one.kind == "place":
        return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": value}}
    return {"value": value, **({"unit": one.unit} if one.unit else {})}
