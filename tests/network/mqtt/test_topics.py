from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.topics import FilterTrie, check_filter, check_topic, matches

levels = st.sampled_from(["a", "b", "", "$x", "川"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = st.builds(
    lambda head, tail: "/".join(head + tail),
    st.lists(levels | st.just("+"), max_size=4),
    st.sampled_from([["#"], ["a"], ["+"]]),
)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "wanted"),
    [
        ("#", "a/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("+", "/a", False),
        ("+/+", "/a", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/b", "a/B", False),
        ("a/+/c", "a/b/c", True),
    ],
)
def test_filters_match_as_section_4_7_says(topic_filter: str, topic: str, wanted: bool) -> None:
    assert matches(topic_filter, topic) is wanted


@given(st.lists(filters, max_size=12), topics)
def test_the_trie_finds_what_matches_says(kept: list[str], topic: str) -> None:
    trie: FilterTrie[str] = FilterTrie()
    for one in kept:
        trie.add(one, one, one)
    assert sorted(value for _, value in trie.match(topic)) == sorted({one for one in kept if matches(one, topic)})


@given(st.lists(filters, max_size=12))
def test_an_emptied_trie_holds_nothing(kept: list[str]) -> None:
    trie: FilterTrie[int] = FilterTrie()
    for index, one in enumerate(kept):
        trie.add(one, index, index)
    for index, one in enumerate(kept):
        assert trie.remove(one, index)
        assert not trie.remove(one, index)
    assert trie.is_empty()


@pytest.mark.parametrize("name", ["", "a/+", "#", "a\0", "/".join("a" * 65), "あ" * 1366])
def test_what_is_no_topic_name_is_refused(name: str) -> None:
    with pytest.raises(MqttError):
        check_topic(name)


@pytest.mark.parametrize("text", ["", "a#", "#/a", "a/+b", "a\0", "/".join("a" * 65)])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(MqttError):
        check_filter(text)


def test_good_names_pass() -> None:
    assert check_topic("kumihimo/fukui/九頭竜川/up") == "kumihimo/fukui/九頭竜川/up"
    assert check_filter("+/a/#") == "+/a/#"
