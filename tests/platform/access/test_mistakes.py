"""A text that is no Cedar policy is refused with what kind of mistake it holds, and where; here ⟦ stands before it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.base.errors import Wording
from kumihimo.platform.access.compile import policies_of
from kumihimo.platform.access.mistakes import complaint_of, mistake_in
from kumihimo.platform.access.words import PolicyRefused

HEAD = "permit (principal is Person, action, resource)"
WRONG = [
    (f"{HEAD} when {{ true && ⟦) }} when {{ true }};", "token", ")"),
    (f"{HEAD} when {{ {{a: 1}} == {{a: ⟦}} }} unless {{ true }};", "token", "}"),
    (f"{HEAD} when {{ [1,2,⟦,3].contains(1, 2) }};", "token", ","),
    (f"{HEAD} when {{ resource.a == ⟦}};", "token", "}"),
    (f"{HEAD}\nwhen ⟦true;", "token", "true"),
    (f"{HEAD} when {{ true }}\npermit ⟦(principal, action, resource);", "token", "("),
    (f"// 日本語; {{\n{HEAD} when {{ ⟦/* no */ true }};", "token", "/"),
    (f'{HEAD} when {{ "氾濫" == ⟦}};', "token", "}"),
    ("permit (principal is Person, action⟦", "end", ""),
    (f"{HEAD} when {{ true }}⟦\n\n", "end", ""),
    ('permit (principal in Role::⟦"officer);', "sign", ""),
    ("permit (principal in Role::⟦'officer', action, resource);", "sign", ""),
    (f"{HEAD} when {{ ⟦日本 == 1 }};", "sign", ""),
    ("⟦permt (principal, action, resource);", "effect", "permt"),
    (f"{HEAD} ⟦wenn {{ true }};", "condition", "wenn"),
    (f"{HEAD} ⟦when {{ }};", "empty", "when"),
    ("permit (⟦principl, action, resource);", "head", "principl"),
    ("permit (principal, action, resource, ⟦context);", "head", "context"),
    ('permit (principal ⟦< Role::"x", action, resource);', "head", "<"),
    ('permit (principal in ⟦"officer", action, resource);', "entity", '"officer"'),
    ("permit (principal in ⟦Role::officer, action, resource);", "entity", "Role::officer"),
    ('permit (principal, action == ⟦Read::"read", resource);', "entity", 'Read::"read"'),
    (f'{HEAD} when {{ resource is ⟦"Entity" }};', "entity", '"Entity"'),
    (f"{HEAD} when {{ resource.foo && ⟦foo(1) }}; // foo(2)", "name", "foo"),
    (f'{HEAD}\nwhen {{\n  resource.scopes.⟦contain("contain")\n}};', "name", "contain"),
    (f"{HEAD} when {{ context.river == ⟦river }};", "name", "river"),
    (f'{HEAD} when {{ context.attribute ⟦= "x" }};', "operator", "="),
    (f"{HEAD} when {{ 1 == ⟦99999999999999999999 }};", "value", ""),
    (f'{HEAD} when {{ context.attribute == "a⟦\\q" }};', "value", "\\q"),
    (f'@id("a") @⟦id("b") {HEAD};', "twice", "id"),
]  # fmt: skip
ELSEWHERE = [
    ("permit (principal, action);", "head"),
    ("permit (resource, action, principal);", "head"),
    ('permit (principal in [Role::"a"], action, resource);', "entity"),
    (f"{HEAD} when {{ 1 < 2 < 3 }};", "operator"),
    (f"{HEAD} when {{ principal() }};", "name"),
    (f"{HEAD} when {{ resource[a] }};", "other"),
]  # fmt: skip


def refused(text: str) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as found:
        policies_of(text)
    return found.value


@pytest.mark.parametrize(("marked", "kind", "word"), WRONG)
@pytest.mark.parametrize("before", ["", f"{HEAD};\n", f"{HEAD}; "])
def test_a_mistake_is_told_with_its_kind_and_its_place(before: str, marked: str, kind: str, word: str) -> None:
    text = before + marked.replace("⟦", "")
    first, _, _ = (before + marked).partition("⟦")
    line, column = first.count("\n") + 1, len(first.rpartition("\n")[2]) + 1
    found = refused(text)
    assert found.extra == {"line": line, "column": column}
    assert found.detail.startswith(f"line {line}, column {column}: this is no Cedar policy: ")
    assert found.wording is not None
    assert found.wording.values["where"] == Wording("refused.cedar.at", {"line": line, "column": column})
    assert found.wording.values["what"] == Wording(f"refused.cedar.{kind}", {"word": word})
    assert found.wording.values["why"] == found.detail.partition(" policy: ")[2]


@pytest.mark.parametrize(("text", "kind"), ELSEWHERE)
def test_where_the_place_is_not_certain_the_policy_is_named(text: str, kind: str) -> None:
    found = refused(f"{HEAD};\n\n{text}")
    assert found.extra == {"line": 3}
    assert found.wording is not None
    assert found.wording.values["where"] == Wording("refused.cedar.from", {"line": 3})
    what = found.wording.values["what"]
    assert isinstance(what, Wording)
    assert what.key == f"refused.cedar.{kind}"


PIECES = st.sampled_from([
    *("permit", "forbid", "principal", "action", "resource", "when", "in", "has", "like", "if", "Role", "1"),
    *('"a"', "氾"),
    *("(", ")", "{", "}", "[", "]", ",", "==", "=", "::", '"', "\\", "//", "\n", " ", ".", "@", "?", "&&", "|"),
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["", f"{HEAD} when {{ "]), st.lists(PIECES, max_size=12), st.sampled_from(["", ";", " };"]))
def test_whatever_is_wrong_its_place_is_in_the_text(begin: str, pieces: list[str], end: str) -> None:
    text = f"{begin}{' '.join(pieces)}{end}"
    said = complaint_of(text)
    kind, word, place = mistake_in(text, said)
    assert place is None or 0 <= place <= len(text)
    if kind in {"token", "sign", "end"}:
        assert place is not None
        assert text.startswith(word, place)
    if kind == "sign":
        assert complaint_of(text[:place]) != said, "it is read up to there"
    if kind == "token":
        assert complaint_of(text[:place]) in {"", "unexpected end of input"}, "all before it can stand there"
