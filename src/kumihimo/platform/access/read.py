"""A policy's JSON form (Cedar's own) to what it asks; what cannot be pushed into queries is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from cedarpy import policies_from_json_str

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import is_uri
from kumihimo.platform.access import conditions as ask
from kumihimo.platform.access.conditions import ALWAYS, NEVER, AllOf, AnyOf, Condition, Not
from kumihimo.platform.access.models import QPath, QTerm, QValue, RowIds, RowNode, RowQ, RowScope, RowTypes
from kumihimo.platform.access.names import is_expanded, is_scope
from kumihimo.platform.access.words import ACTIONS, PRINCIPALS, check_role_anywhere

Json = Mapping[str, Any]
KINDS: Final = frozenset(PRINCIPALS.values())
_NOTHING: Final[frozenset[str]] = frozenset()
_WHOLE_SCOPE: Final = "#"


class Unfit(Exception):
    """A part of a policy that is not kept; the words say why, and ja says it in Japanese."""

    def __init__(self, said: str, ja: str) -> None:
        super().__init__(said)
        self.ja = ja


NO_TEMPLATE: Final = (
    "a template (?principal, ?resource) is not taken; write the policy out",
    "テンプレート(?principal、?resource)は使えません。規則をそのまま書いてください。",
)


class Found(NamedTuple):
    """A condition, and the attributes that the entity has wherever it holds."""

    condition: Condition
    present: frozenset[str] = _NOTHING


def scope_of(policy: Json) -> tuple[Condition, Condition, Condition]:
    """What the head of a policy asks of the caller, the action and the resource. Unfit where it cannot be kept."""
    return _principal(policy["principal"]), _actions(policy["action"]), _resource(policy["resource"])


def condition_of(policy: Json) -> Condition:
    """What the when and unless parts ask, all of them. Unfit where it cannot be kept."""
    parts: list[Condition] = []
    present = _NOTHING
    for clause in policy.get("conditions", ()):
        found = _read(clause["body"], present)
        parts.append(found.condition if clause["kind"] == "when" else Not(found.condition))
        if clause["kind"] == "when":
            present |= found.present
    return AllOf(tuple(parts))


# --- the head ---------------------------------------------------------------------------------------------


def _principal(given: Json) -> Condition:
    return _head(given, _is_kind, _in_role, _is_who)


def _resource(given: Json) -> Condition:
    return _head(given, _is_resource, _in_group, _is_thing)


def _head(
    given: Json,
    kind: Callable[[str], Condition],
    inside: Callable[[Json], Condition],
    same: Callable[[Json], Condition],
) -> Condition:
    operator = given["op"]
    if "slot" in given or "slot" in given.get("in", {}):
        raise Unfit(*NO_TEMPLATE)
    if operator == "All":
        return ALWAYS
    if operator == "==":
        return same(given["entity"])
    if operator == "in":
        return inside(given["entity"])
    narrower = (inside(given["in"]["entity"]),) if "in" in given else ()
    return AllOf((kind(given["entity_type"]), *narrower))


def _actions(given: Json) -> Condition:
    if given["op"] == "All":
        return ALWAYS
    return _does(given["entities"] if "entities" in given else [given["entity"]])


def _does(entities: Iterable[Json]) -> Condition:
    found = [_id_of(entity, "Action") for entity in entities]
    for name in found:
        if name not in ACTIONS:
            said = f'there is no Action::"{name}"; there are {", ".join(ACTIONS)}'
            raise Unfit(said, f'Action::"{name}" はありません。使えるのは {"、".join(ACTIONS)} です。')
    return ask.Does(frozenset(found))


def _is_kind(name: str) -> Condition:
    if name not in KINDS:
        said = f"a principal is {', '.join(sorted(KINDS))}, not {name}"
        raise Unfit(said, f"principal に書けるのは {'、'.join(sorted(KINDS))} です。{name} は書けません。")
    return ask.Kind(name)


def _in_role(entity: Json) -> Condition:
    if entity["type"] in KINDS:
        return _is_who(entity)  # a principal is "in" itself
    role = _id_of(entity, "Role")
    try:
        return ask.Roles(frozenset({check_role_anywhere(role)}))
    except BadRequestData as problem:
        raise Unfit(problem.detail, f"「{role[:64]}」は役割の名前として使えません。") from problem


def _is_who(entity: Json) -> Condition:
    if entity["type"] not in KINDS:
        kinds = sorted(KINDS)
        raise Unfit(
            f'principal == {_shown(entity)}: a principal is {", ".join(kinds)}; a role is meant by "in"',
            f"principal == {_shown(entity)}: principal は {'、'.join(kinds)} のどれかです。役割は in で書きます。",
        )
    return ask.Who(frozenset({(entity["type"], entity["id"])}))


def _is_resource(name: str) -> Condition:
    if name == "Entity":
        return Not(ask.OfTenant())
    if name == "Tenant":
        return ask.OfTenant()
    said = f"a resource is Entity or Tenant, not {name}"
    raise Unfit(said, f"resource に書けるのは Entity か Tenant です。{name} は書けません。")


def _in_group(entity: Json) -> Condition:
    kind, name = entity["type"], entity["id"]
    if kind == "EntityType":
        return ask.Rows(RowTypes(frozenset({_expanded(name, "type")})))
    if kind == "Scope":
        return ask.Rows(RowScope(f"{_scope(name)}/{_WHOLE_SCOPE}"))
    if kind in {"Entity", "Tenant"}:
        return _is_thing(entity)
    said = f"a resource is in an EntityType or a Scope, not in {_shown(entity)}"
    raise Unfit(said, f"resource in に書けるのは EntityType か Scope です。{_shown(entity)} は書けません。")


def _is_thing(entity: Json) -> Condition:
    if entity["type"] == "Tenant":
        return ask.OfTenant(entity["id"])
    if entity["type"] != "Entity":
        said = f'resource == {_shown(entity)}: a resource is Entity or Tenant; a type is meant by "in"'
        ja = f"resource == {_shown(entity)}: resource は Entity か Tenant です。データの型は in で書きます。"
        raise Unfit(said, ja)
    return _ids([entity["id"]])


# --- conditions -------------------------------------------------------------------------------------------


def _read(given: Json, present: frozenset[str]) -> Found:
    """The condition of an expression that is true or false; `present` are attributes known to be there."""
    operator, inner = next(iter(given.items()))
    if operator == "&&":
        left = _read(inner["left"], present)
        right = _read(inner["right"], present | left.present)
        return Found(AllOf((left.condition, right.condition)), left.present | right.present)
    if operator == "||":
        left, right = _read(inner["left"], present), _read(inner["right"], present)
        return Found(AnyOf((left.condition, right.condition)), left.present & right.present)
    if operator == "!":
        return Found(Not(_read(inner["arg"], present).condition))
    if operator == "Value" and isinstance(inner, bool):
        return Found(ALWAYS if inner else NEVER)
    if operator == "has":
        return _has(given, inner)
    reader = _READERS.get(operator)
    if reader is None:
        raise _unfit(given, "this cannot be pushed into queries", "この書き方は検索の条件に移せません。")
    return Found(reader(given, inner, present))


def _has(given: Json, inner: Json) -> Found:
    name = inner["attr"]
    if inner["left"] == {"Var": "context"} and name in {"attribute", "purpose"}:
        return Found(ALWAYS)
    if inner["left"] != {"Var": "resource"}:
        raise _unfit(given, "only `resource has …` is pushed into queries", "has で調べられるのは resource だけです。")
    if name in {"id", "scopes"}:
        return Found(ALWAYS)
    path = QPath((_expanded(name, "attribute"),))
    return Found(ask.Rows(RowQ(QTerm(path, "exists"))), frozenset({name}))


def _equals(given: Json, inner: Json, present: frozenset[str]) -> Condition:
    del present
    left, right = inner["left"], inner["right"]
    if "Value" in left and "Value" not in right:
        left, right = right, left
    if "Value" not in right:
        raise _unfit(
            given, "one side of == is a value that stands in the policy", "== の片側には、規則に書いた値を置きます。"
        )
    value = right["Value"]
    if left in ({"Var": "principal"}, {"Var": "action"}, {"Var": "resource"}):
        return _same(given, left["Var"], value)
    if not isinstance(value, str):
        raise _unfit(given, "this is compared with a text", "これは文字列と比べます。")
    return _one_of(given, left, [value])


def _same(given: Json, variable: str, value: Any) -> Condition:
    if not isinstance(value, Mapping) or "__entity" not in value:
        raise _unfit(
            given,
            f'{variable} is compared with an entity like Person::"p-1"',
            f'{variable} は Person::"p-1" のような、種類と名前の組と比べます。',
        )
    entity = value["__entity"]
    if variable == "action":
        return _does([entity])
    return _is_who(entity) if variable == "principal" else _is_thing(entity)


def _differs(given: Json, inner: Json, present: frozenset[str]) -> Condition:
    return Not(_equals(given, inner, present))


def _one_of(given: Json, left: Json, values: list[str]) -> Condition:
    """A condition that the text at `left` is one of the values."""
    if left == {".": {"left": {"Var": "context"}, "attr": "attribute"}}:
        return ask.Attribute(frozenset(_expanded(value, "attribute") for value in values))
    if left == {".": {"left": {"Var": "context"}, "attr": "purpose"}}:
        return ask.For(frozenset(values))
    if left == {".": {"left": {"Var": "resource"}, "attr": "id"}}:
        return _ids(values)
    raise _unfit(
        given,
        "only context.attribute, context.purpose and resource.id are compared with texts",
        "文字列と比べられるのは context.attribute、context.purpose、resource.id だけです。",
    )


def _contains(given: Json, inner: Json, present: frozenset[str]) -> Condition:
    left, right = inner["left"], inner["right"]
    if "Set" in left:
        return _one_of(given, right, _texts(given, left))
    if "Value" not in right:
        raise _unfit(
            given,
            "what is contained is a value that stands in the policy",
            "contains の中には、規則に書いた値を置きます。",
        )
    return _holds_any(given, left, [right["Value"]], present)


def _contains_any(given: Json, inner: Json, present: frozenset[str]) -> Condition:
    left, right = inner["left"], inner["right"]
    if "Set" in left:
        left, right = right, left
    return _holds_any(given, left, _values(given, right), present)


def _contains_all(given: Json, inner: Json, present: frozenset[str]) -> Condition:
    values = _values(given, inner["right"])
    return AllOf(tuple(_holds_any(given, inner["left"], [value], present) for value in values))


def _holds_any(given: Json, left: Json, values: list[Any], present: frozenset[str]) -> Condition:
    """A condition that a set of the resource has one of the values: its scopes, or the values of an attribute."""
    if "." not in left or left["."]["left"] != {"Var": "resource"} or left["."]["attr"] == "id":
        raise _unfit(
            given,
            'sets that are asked of are resource.scopes and resource["<expanded attribute name>"]',
            '集まりとして調べられるのは resource.scopes と resource["<属性の完全な IRI>"] だけです。',
        )
    name = left["."]["attr"]
    if name == "scopes":
        return AnyOf(tuple(ask.Rows(RowScope(_scope(value))) for value in values))
    path = QPath((_expanded(name, "attribute"),))
    if name not in present:
        raise _unfit(
            given,
            f'ask first whether it is there: resource has "{name}" && …',
            f'先に、属性があるかを resource has "{name}" && … と調べてください。',
        )
    if not all(isinstance(value, str | bool | int) for value in values):
        raise _unfit(
            given,
            "an attribute has texts, whole numbers, true and false",
            "属性と比べられるのは文字列、整数、true、false です。",
        )
    found: tuple[QValue, ...] = tuple(values)
    return ask.Rows(RowQ(QTerm(path, "==", found))) if found else NEVER


def _in(given: Json, inner: Json, present: frozenset[str]) -> Condition:
    del present
    variable = inner["left"].get("Var")
    entities = _entities(given, inner["right"])
    if variable == "action":
        return _does(entities)
    if variable not in {"principal", "resource"}:
        raise _unfit(
            given,
            '"in" is asked of principal, action and resource',
            "in で調べられるのは principal、action、resource です。",
        )
    read = _in_role if variable == "principal" else _in_group
    return AnyOf(tuple(read(entity) for entity in entities))


def _is(given: Json, inner: Json, present: frozenset[str]) -> Condition:
    variable = inner["left"].get("Var")
    if variable not in {"principal", "resource"}:
        raise _unfit(
            given, '"is" is asked of principal and resource', "is で調べられるのは principal と resource です。"
        )
    read = _is_kind if variable == "principal" else _is_resource
    kind = read(inner["entity_type"])
    if "in" not in inner:
        return kind
    return AllOf((kind, _in(given, {"left": inner["left"], "right": inner["in"]}, present)))


def _if(given: Json, inner: Json, present: frozenset[str]) -> Condition:
    del given
    asked = _read(inner["if"], present)
    then, other = _read(inner["then"], present | asked.present), _read(inner["else"], present)
    return AnyOf((AllOf((asked.condition, then.condition)), AllOf((Not(asked.condition), other.condition))))


_READERS: Final[dict[str, Callable[[Json, Json, frozenset[str]], Condition]]] = {
    "==": _equals,
    "!=": _differs,
    "in": _in,
    "is": _is,
    "contains": _contains,
    "containsAny": _contains_any,
    "containsAll": _contains_all,
    "if-then-else": _if,
}


# --- values -----------------------------------------------------------------------------------------------


def _values(given: Json, right: Json) -> list[Any]:
    if "Set" not in right or not all("Value" in one for one in right["Set"]):
        raise _unfit(
            given,
            "this is asked with a set of values that stands in the policy",
            "ここには、規則に書いた値の集まり [ ] を置きます。",
        )
    return [one["Value"] for one in right["Set"]]


def _texts(given: Json, right: Json) -> list[str]:
    values = _values(given, right)
    if not all(isinstance(value, str) for value in values):
        raise _unfit(given, "this set holds texts", "この集まりに書けるのは文字列です。")
    return values


def _entities(given: Json, right: Json) -> list[Json]:
    values = [right["Value"]] if "Value" in right else _values(given, right)
    if not all(isinstance(value, Mapping) and "__entity" in value for value in values):
        raise _unfit(
            given,
            '"in" is asked with entities that stand in the policy',
            "in の後には、規則に書いたエンティティ(種類と名前の組)を置きます。",
        )
    return [value["__entity"] for value in values]


def _id_of(entity: Json, kind: str) -> str:
    if entity["type"] != kind:
        said = f'{_shown(entity)} stands where a {kind}::"…" is expected'
        raise Unfit(said, f'{kind}::"…" を書くところに {_shown(entity)} があります。')
    return str(entity["id"])


def _ids(values: Iterable[str]) -> Condition:
    found = frozenset(values)
    for value in found:
        if not is_uri(value):
            said = f"{value[:100]!r} is no entity's id, which is a URI"
            raise Unfit(said, f"「{value[:100]}」はエンティティの id として使えません。id は URI です。")
    rows: RowNode = RowIds(found)
    return ask.Rows(rows) if found else NEVER


def _expanded(name: str, what: str) -> str:
    if not is_expanded(name):
        raise Unfit(
            f"{name[:100]!r} is no expanded name of {'a type' if what == 'type' else 'an attribute'}: write the whole"
            " IRI, such as https://uri.etsi.org/ngsi-ld/default-context/…, as what a short name means depends on who"
            " sends the @context",
            f"「{name[:100]}」は{'型' if what == 'type' else '属性'}の完全な名前ではありません。"
            "短い名前の意味は送る側の @context で変わるため、"
            "https://uri.etsi.org/ngsi-ld/default-context/… のような完全な IRI を書いてください。",
        )
    return name


def _scope(given: Any) -> str:
    if not isinstance(given, str) or not is_scope(given):
        said = f"{str(given)[:100]!r} is no scope; write it like /Japan/Fukui"
        raise Unfit(said, f"「{str(given)[:100]}」はスコープとして使えません。/Japan/Fukui のように書いてください。")
    return given


def _shown(entity: Json) -> str:
    return f'{entity["type"]}::"{entity["id"]}"'[:100]


def _unfit(given: Json, why: str, ja: str) -> Unfit:
    text = _text(given)
    return Unfit(f"`{text}`: {why}", f"「{text}」: {ja}")


def _text(expression: Json) -> str:
    """The expression as Cedar writes it, for a refusal."""
    everything = {"op": "All"}
    policy = {
        "effect": "permit",
        "principal": everything,
        "action": everything,
        "resource": everything,
        "conditions": [{"kind": "when", "body": expression}],
    }
    whole = jsontext.text({"templates": {}, "templateLinks": [], "staticPolicies": {"p": policy}})
    try:
        found = policies_from_json_str(whole)
    except ValueError:
        return next(iter(expression))
    return found.partition("when {")[2].rpartition("}")[0].strip()[:200]
