"""What a rule set must say, and which loops are found before they run."""

from __future__ import annotations

import pytest

from kumihimo.service.rules import text
from kumihimo.service.rules.compile import compiled
from kumihimo.service.rules.naming import Names
from kumihimo.service.rules.refusal import RuleRefused

PLAIN = Names(str, str)
X = Names(lambda name: f"x:{name}", lambda iri: iri.removeprefix("x:"))
TASK = '[[rule.then]]\ndo = "task"\nwhom = "officer"\ntext = "x"\nminutes = 5\n'
WINDOW = '[[rule.window]]\nname = "w"\nfigure = "count"\nattribute = "level"\nminutes = 5\n'


def one(when: str = "", then: str = TASK, name: str = "r") -> str:
    return f'[[rule]]\nname = "{name}"\ntypes = ["T"]\n{when}\n{then}'


def refused(written: str) -> RuleRefused:
    with pytest.raises(RuleRefused) as problem:
        compiled(text.read('name = "s"\n' + written), X)
    return problem.value


PEOPLE = """[[rule.then]]
do = "notify"
topic = "a"
title_ja = "a"
title_en = "a"
text_ja = "a"
text_en = "a"
"""


@pytest.mark.parametrize(
    ("written", "en", "ja"),
    [
        ("", "there is no rule in it", "規則がありません"),
        (one(name="R"), r"rule[1].name: give each rule a name", "別の名前"),
        (one() + one(), "a name of its own", "別の名前"),
        (one(then=""), "it does nothing", "1 つ以上"),
        (one().replace('types = ["T"]', ""), "name at least one type", "型を 1 つ以上"),
        (one('schedule = "7 o clock x y"'), "schedule", "cron の 5 項目"),
        (one('schedule = "0 0 0 7 * * *"'), "schedule", "cron の 5 項目"),
        (one('schedule = "0 7 * * *"\nabsence_minutes = 3'), "not both", "同時に使えません"),
        (one("absence_minutes = 99999"), "at most 44640", "44640 まで"),
        (one('condition = "entity.level"', ""), "it does nothing", "1 つ以上"),
        (one('condition = "w > 1"'), "undeclared reference to 'w'", "式が正しくありません"),
        (one(WINDOW + WINDOW), "have one name", "重なっています"),
        (one(WINDOW.replace("minutes = 5", "minutes = 0")), "1 to 44640 minutes", "minutes"),
        (one('[[rule.join]]\nname = "j"\ntypes = ["A"]'), "give one of relationship", "どれか 1 つ"),
        (one('[[rule.join]]\nname = "j"\ninside = true'), "types for the last two", "types"),
        (one(then='[[rule.then]]\ndo = "task"'), "a task needs a good whom, text, minutes", "正しく"),
        (one(then='[[rule.then]]\ndo = "alert"\nseverity = 9'), "title_ja, title_en, severity", "正しく"),
        (one(then='[[rule.then]]\ndo = "command"'), "device, name, reason", "正しく"),
        (one(then='[[rule.then]]\ndo = "change"'), "attribute, value / expression", "正しく"),
        (one(then='[[rule.then]]\ndo = "change"\nattribute = "id"\nvalue = 1'), "attribute", "正しく"),
        (one(then='[[rule.then]]\ndo = "compute"'), "a compute needs a good function, attributes", "正しく"),
        (
            one(then='[[rule.then]]\ndo = "compute"\nfunction = "f"\nattributes = ["a", "id"]'),
            "a compute needs a good attributes",
            "正しく",
        ),
        (
            one(then='[[rule.then]]\ndo = "compute"\nfunction = "f"\nattributes = ["a"]\narguments = { x = "w" }'),
            "arguments.x: ",
            "式が正しくありません",
        ),
        (one(then='[[rule.then]]\ndo = "notify"\nto = "ftp://x"\ntitle = "t"'), "to (https", "正しく"),
        (one(then='[[rule.then]]\ndo = "notify"\nto = "https://u:p@x/"\ntitle = "t"'), "to (https", "正しく"),
        (one(then='[[rule.then]]\ndo = "notify"\ntopic = "a"'), "needs a good title_ja, title_en, text_ja", "正しく"),
        (one(then='[[rule.then]]\ndo = "notify"\ntopic = "a"\nto = "https://x/"'), "(topic) has no to", "使えません"),
        (
            one(then='[[rule.then]]\ndo = "notify"\nto = "https://x/"\nurgent = true'),
            "(to) has no urgent",
            "使えません",
        ),
        (one(then='[[rule.then]]\ndo = "notify"\ntext_ja = "a"'), "needs a good topic, title_ja", "正しく"),
        (
            one(then=f'{PEOPLE}entity = "urn:x:1"\nwhole_town = true'),
            "entity or whole_town, not both",
            "同時に使えません",
        ),
        (one(then=f'{PEOPLE}text_easy = "{{nope}}"'), "then[1]: text_easy", "式が正しくありません"),
        (one(then=TASK.replace('"x"', '"{nope}"')), "undeclared reference", "式が正しくありません"),
    ],
)
def test_what_a_rule_lacks_is_said_in_both_languages(written: str, en: str, ja: str) -> None:
    problem = refused(written)
    assert en in problem.detail
    assert ja in problem.words.ja


def test_the_name_of_a_set_is_checked() -> None:
    with pytest.raises(RuleRefused, match="no name of a rule set"):
        compiled(text.read('name = "../x"\n' + one()), PLAIN)


def changes(watched: str, changed: str, name: str, more: str = "") -> str:
    then = f'[[rule.then]]\ndo = "change"\nattribute = "{changed}"\nvalue = 1\n{more}'
    return one(f"watch = [{watched}]", then, name)


@pytest.mark.parametrize(
    ("rules", "loop"),
    [
        ([changes('"a"', "a", "self")], "self → self"),
        ([changes("", "b", "any")], "any → any"),
        (
            [changes('"a"', "b", "one"), changes('"b"', "c", "two"), changes('"c"', "a", "three")],
            "one → two → three → one",
        ),
        ([changes('"a"', "a", "named", 'entity = "urn:x:{entity.id}"')], "named → named"),
        ([changes('"a"', "b", "one"), changes('"b"', "c", "two")], ""),
        ([changes('"a"', "a", "other", 'entity = "urn:x:1"\ntype = "U"')], ""),
        (
            [changes('"a"', "b", "one").replace("watch", 'schedule = "0 7 * * *"\nwatch'), changes('"b"', "a", "two")],
            "",
        ),
    ],
)
def test_a_loop_within_a_set_is_refused_with_its_path(rules: list[str], loop: str) -> None:
    if loop:
        problem = refused("".join(rules))
        assert loop in problem.detail
        assert loop in problem.words.ja
    else:
        assert compiled(text.read('name = "s"\n' + "".join(rules)), PLAIN).rules
