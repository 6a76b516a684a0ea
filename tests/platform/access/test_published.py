"""The ready text that publishes data: it is kept as it is and publishes what was asked, whatever the names are."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.access.compile import policies_of, rights_of
from kumihimo.platform.access.conditions import Facts
from kumihimo.platform.access.models import ALL_NAMES, Clause, Names, Rights, RowScope, RowTypes
from kumihimo.platform.access.published import published_text
from kumihimo.platform.access.rows import all_of, any_of
from kumihimo.platform.jsonld.contexts import Contexts

expand = Contexts().core.expand
BREAKOUTS = ('a"}; permit (principal is Anonymous, action, resource); //', "https://example.org/a\\", 'b", "c', "a\nb")
LONG = f"https://example.org/{'a' * 1000}"
NAMES = st.one_of(
    st.sampled_from(BREAKOUTS),
    st.text(max_size=8),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,6}", fullmatch=True),
    st.builds("https://example.org/{}".format, st.text(max_size=6)),
)
SCOPES = st.one_of(
    st.just(""),
    st.text(max_size=8),
    st.text('/ab_1"\\ ', max_size=8),
    st.from_regex(r"(/[a-z][a-z0-9_]{0,4}){1,2}", fullmatch=True),
)


def made(types: list[str], attributes: list[str], scope: str) -> str | BadRequestData:
    try:
        return published_text(types, attributes, scope, expand)
    except BadRequestData as refused:
        return refused


@settings(max_examples=40)
@given(st.lists(NAMES, max_size=3), st.lists(NAMES, max_size=3), SCOPES)
@example(["River", "https://uri.etsi.org/ngsi-ld/default-context/River"], ["location"], "parks/")
@example([], [], '/a"}; permit (principal is Anonymous, action, resource); //')
def test_what_is_made_is_kept_and_publishes_what_was_asked(types: list[str], attributes: list[str], scope: str) -> None:
    text = made(types, attributes, scope)
    if isinstance(text, BadRequestData):
        assert text.extra["field"] in {"types", "attributes", "scope"}
        return
    policies = policies_of(text)
    asked = [any_of([RowTypes(frozenset({expand(one)})) for one in types])] if types else []
    asked += [RowScope(f"/{scope.strip('/')}/#")] if scope else []
    names = Names(frozenset(map(expand, attributes))) if attributes else ALL_NAMES
    for kind in ("Anonymous", "Person", "Application", "Device"):
        for action in ("read", "subscribe", "write"):
            found = rights_of(policies, Facts(kind, "x", frozenset(), action, "operate"))
            may = kind != "Device" and action == "read"
            assert found == (Rights((Clause(all_of(asked), names),)) if may else Rights()), (kind, action)


@pytest.mark.parametrize(
    ("types", "attributes", "scope", "field", "key"),
    [
        (["type"], [], "", "types", "refused.shared.name"),
        (["mailto:a"], [], "", "types", "refused.shared.name"),
        (["River"], ["id"], "", "attributes", "refused.shared.name"),
        (["River"], ['a"b'], "/public", "attributes", "refused.shared.name"),
        (["River"], [], "/a b", "scope", "refused.published.scope"),
        ([], [], "/", "scope", "refused.published.scope"),
        ([], ["name"], "", "types", "refused.published.none"),
        ([f"T{number}" for number in range(21)], [], "", "types", "refused.shared.many"),
        (["River"], [f"a{number}" for number in range(101)], "", "attributes", "refused.shared.many"),
        (["River"], [f"{LONG}{number}" for number in range(9)], "", "attributes", "refused.shared.many"),
    ],
)  # fmt: skip
def test_what_no_text_holds_is_refused_at_its_field_in_both_languages(
    types: list[str], attributes: list[str], scope: str, field: str, key: str
) -> None:
    with pytest.raises(BadRequestData) as refused:
        published_text(types, attributes, scope, expand)
    assert refused.value.extra["field"] == field
    assert refused.value.wording is not None
    assert refused.value.wording.key == key
