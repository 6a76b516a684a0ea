import ast
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import kumihimo
from kumihimo.base.errors import Forbidden, Wording
from kumihimo.base.texts import translator
from kumihimo.platform.access.words import ACTIONS, NAMED_ROLES
from kumihimo.service.console.words import load_words, refusal_in

ROOT = Path(kumihimo.__file__).parent
SAYING = (
    "kumihimo.service.console",
    "kumihimo.service.console.people",
    "kumihimo.platform.access",
    "kumihimo.service.alerts",
    "kumihimo.service.kpi",
    "kumihimo.service.kpi.public",
    "kumihimo.service.notices",
    "kumihimo.solutions.flood",
    "kumihimo.solutions.packs",
    "kumihimo.solutions.wildlife",
)
"""Packages whose texts say why something was refused."""


def said_of_refusals() -> Iterator[tuple[str, set[str]]]:
    """Key and names of values of every wording of a refusal in the source."""
    for file in ROOT.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if "worded(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "worded":
                keys = [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)]
                yield from ((str(key), {str(one.arg) for one in node.keywords}) for key in keys)


def test_every_refusal_has_its_words_in_every_language() -> None:
    words = load_words(SAYING)
    found = list(said_of_refusals())
    assert len(found) > 40
    for key, values in found:
        if key.endswith("."):  # the rest of the key and its values are told by whoever refuses
            assert any(one.startswith(key) for one in words), key
            continue
        for text in words[key].values():
            assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= values, key
    for key in (*(f"action.{one}" for one in ACTIONS), *(f"role.{one}" for one in NAMED_ROLES)):
        assert key in words


def test_a_refusal_is_said_in_the_readers_language_and_otherwise_in_english() -> None:
    words = {
        "no": {"ja": "{who}は{what}できません", "en": "{who} may not {what}"},
        "go": {"ja": "行く", "en": "go"},
        "stay": {"ja": "残る", "en": "stay"},
    }
    problem = Forbidden("detail <b>").worded("no", who="<i>", what=(Wording("go", {}), Wording("stay", {}), "x"))
    for lang, said in (("ja", "&lt;i&gt;は行く、残る、xできません"), ("en", "&lt;i&gt; may not go, stay, x")):
        assert refusal_in(translator(words, lang), lang)(problem) == f"<span>{said}</span>"
    english = '<span lang="en">detail &lt;b&gt;</span>'
    for unsaid in (Forbidden("detail <b>"), Forbidden("detail <b>").worded("nowhere")):
        assert refusal_in(translator(words, "ja"), "ja")(unsaid) == english
    assert problem.document()["detail"] == "detail <b>", "programs are told the same as ever"
    whole = Forbidden("the lock <b>").said("錠 <b>")
    assert refusal_in(translator(words, "ja"), "ja")(whole) == "<span>錠 &lt;b&gt;</span>"
    assert refusal_in(translator(words, "en"), "en")(whole) == "<span>the lock &lt;b&gt;</span>"


def test_no_two_entries_of_the_navigation_and_no_two_logs_of_decisions_are_called_the_same() -> None:
    rooms = [file.parent.relative_to(ROOT.parent).as_posix().replace("/", ".") for file in ROOT.rglob("texts.toml")]
    words = load_words(rooms)
    entries = [key for key in words if key.endswith(".nav") or key.startswith("nav.")]
    logs = [key for key in words if key.endswith(".decisions.title")]
    assert len(entries) > 20
    assert len(logs) == 3
    for lang in ("ja", "en"):
        for group in (entries, logs):
            called = Counter(words[key][lang] for key in group)
            assert [name for name, times in called.items() if times > 1] == [], lang
