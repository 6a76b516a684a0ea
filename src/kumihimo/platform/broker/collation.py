"""Comparing texts as a language does (clause 4.23, RFC 6067): keys that order as the texts do, the same on each engine.

The Unicode Collation Algorithm in four levels (letters, marks, case and width, code points) over the decomposition of
each character, without the tables of ICU: letters of one script stand in the order of their code points, as in the
root collation they nearly do. A language is taken where it orders as the root does or where its own letters are listed
here; any other is refused, because to order it as the root would be wrong unseen.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from kumihimo.base.errors import BadRequestData, OperationNotSupported

Key = tuple[object, ...]
_Value = TypeVar("_Value")
Element = tuple[int, int, int]
"""Weights of one element: letter, mark, case; a letter of 0 is a mark on the letter before."""

MAX_TAG = 100
ROOT = "und"
_TAG = re.compile(
    r"(?P<language>root|[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{5,8})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?P<extensions>(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*)(?:-x(?:-[a-z0-9]{1,8})+)?\Z"
)
_PLAIN = frozenset({"und", "root", "de", "en", "fr", "ga", "gd", "id", "it", "lb", "ms", "nl", "pt", "sw", "zu"})
"""Languages that order as the root does."""
_TAILORED: dict[str, str] = {
    "cs": "c č h ch r ř s š z ž",
    "da": "z æ ø å",
    "es": "n ñ",
    "fi": "z å ä ö",
    "gl": "n ñ",
    "nb": "z æ ø å",
    "nn": "z æ ø å",
    "no": "z æ ø å",
    "pl": "a ą c ć e ę l ł n ń o ó s ś z ź ż",
    "sv": "z å ä ö",
    "tr": "c ç g ğ h ı o ö s ş u ü",
}
"""Letters of their own, each behind the nearest one before it that the root knows."""
_SAME = {"da": {"ä": "æ", "ö": "ø"}, "fi": {"æ": "ä", "ø": "ö"}, "sv": {"æ": "ä", "ø": "ö"}}
"""Letters of neighbours that stand with a letter of their own."""
_SAME |= dict.fromkeys(("nb", "nn", "no"), _SAME["da"])
_PHONE_BOOK = {"ä": "ae", "ö": "oe", "ü": "ue"}
_STROKE = "\u0335"
_EXPANDED = {"æ": "ae", "œ": "oe", "ß": "ss", "ø": "o\u0338", "ı": "i" + _STROKE}
_EXPANDED |= {"đ": "d" + _STROKE, "ħ": "h" + _STROKE, "ł": "l" + _STROKE, "ŧ": "t" + _STROKE}
_STRENGTHS = {"level1": 1, "level2": 2, "level3": 3, "level4": 4, "identic": 5}
_FLAGS = {"true": True, "yes": True, "": True, "false": False, "no": False}
_MARKS = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~"
_GROUPS = {"Z": 1, "C": 1, "P": 2, "S": 3}
_CURRENCY, _DIGIT, _LETTER = 4, 5, 6
_GROUP = 1 << 28
_STEP = 1 << 6
"""Between two letters of the root there is room for as many of a language's own."""
_JIS_KANJI = 0xB0


@dataclass(frozen=True)
class Collation:
    """One collation. strength is how many levels count; the rest is as in RFC 6067 and UTS #35."""

    language: str = ROOT
    strength: int = 3
    case_level: bool = False
    upper_first: bool = False
    backwards: bool = False
    numeric: bool = False
    shifted: bool = False
    phone_book: bool = False
    by_code_points: bool = False
    _known: dict[str, tuple[Element, ...]] = field(default_factory=dict, compare=False, hash=False, repr=False)

    def key(self, text: str) -> Key:
        """What orders as the text does."""
        if self.by_code_points:
            return (text,)
        elements: list[Element] = []
        for piece in self._pieces(text):
            known = self._known.get(piece)
            elements += known if known is not None else self._remembered(piece)
        if self.shifted:
            elements = _without_variable(elements)
        letters = tuple(letter for letter, _, _ in elements if letter)
        levels: list[object] = [letters]
        if self.strength > 1:
            marks = tuple(mark for _, mark, _ in elements)
            levels.append(marks[::-1] if self.backwards else marks)
        if self.strength > 2 or self.case_level:
            levels.append(tuple(case for letter, _, case in elements if letter))
        if self.strength > 3:
            levels.append(unicodedata.normalize("NFD", text))
        return tuple(levels)

    def _pieces(self, text: str) -> list[str]:
        """What is compared as one: a number as a whole where it counts as one, Czech "ch", else characters."""
        text = unicodedata.normalize("NFC", text)
        if self.numeric:
            return re.findall(r"[0-9]+|[^0-9]", text)
        if self.language == "cs":
            return re.findall(r"(?i:ch)|(?s:.)", text)
        return list(text)

    def _remembered(self, piece: str) -> tuple[Element, ...]:
        found = tuple(self._elements(piece))
        if len(piece) == 1:
            self._known[piece] = found
        return found

    def _elements(self, piece: str) -> list[Element]:
        if self.numeric and piece.isascii() and piece.isdigit():
            return [(_DIGIT * _GROUP, 0, 0), *_number(piece.lstrip("0"))]
        lower = piece.lower()
        case = int((piece != lower) != self.upper_first)
        own = _own_letters(self.language).get(lower)
        if own is not None:
            return [(own, 0, case)]
        if self.phone_book and lower in _PHONE_BOOK:
            return [(_weight(char), 2, case) for char in _PHONE_BOOK[lower]]
        if self.language == "ja" and (kanji := _jis(piece)):
            return [(kanji, 0, 0)]
        return _root_elements(piece, upper_first=self.upper_first)


def collation(tag: str) -> Collation:
    """The collation of a language tag. BadRequestData for what is no tag, OperationNotSupported for one not known."""
    return _collation(tag.lower() if len(tag) <= MAX_TAG else "")


@lru_cache(maxsize=256)
def _collation(tag: str) -> Collation:
    found = _TAG.match(tag)
    if found is None:
        raise BadRequestData('the collation is no language tag; write it like "ja", "und" or "de-u-co-phonebk"')
    language = found["language"].partition("-")[0]
    if language not in _PLAIN and language not in _TAILORED and language != "ja":
        known = ", ".join(sorted((_PLAIN | _TAILORED.keys() | {"ja"}) - {"root"}))
        raise OperationNotSupported(f"there is no collation for {language!r} here; there are {known}")
    settings = _settings(found["extensions"])
    return _made(language, settings, backwards=language == "fr" and found["region"] == "ca")


def _settings(extensions: str) -> dict[str, str]:
    """The keywords of the extension u: its two-letter keys and their values."""
    _, _, words = f"{extensions}-".partition("-u-")
    settings: dict[str, str] = {}
    key = ""
    for word in words.split("-"):
        if len(word) == 1:
            break
        if len(word) == 2:
            key = word
            settings.setdefault(key, "")
        elif key and word:
            settings[key] = f"{settings[key]}-{word}".lstrip("-")
    return settings


def _made(language: str, settings: dict[str, str], *, backwards: bool) -> Collation:
    for name in settings:
        if name in ("kr", "kv", "vt"):
            raise OperationNotSupported(f"the collation's keyword {name!r} is not handled")
    kind = settings.get("co", "standard")
    if kind == "direct":
        return Collation(language, by_code_points=True)
    if kind not in ("standard", "search") and not (language == "de" and kind == "phonebk"):
        raise OperationNotSupported(f"the collation has no kind {kind[:40]!r} for {language!r} here")
    return Collation(
        language=language,
        strength=_one_of(settings, "ks", _STRENGTHS, 3),
        case_level=_one_of(settings, "kc", _FLAGS, default=False),
        upper_first=_one_of(settings, "kf", {"upper": True, "lower": False, "false": False}, default=False),
        backwards=_one_of(settings, "kb", _FLAGS, default=backwards),
        numeric=_one_of(settings, "kn", _FLAGS, default=False),
        shifted=_one_of(settings, "ka", {"shifted": True, "noignore": False}, default=False),
        phone_book=kind == "phonebk",
    )


def _one_of(settings: dict[str, str], name: str, values: dict[str, _Value], default: _Value) -> _Value:
    given = settings.get(name)
    if given is None:
        return default
    if given not in values:
        raise BadRequestData(f"the collation's keyword {name!r} is none of {', '.join(filter(None, values))}")
    return values[given]


@lru_cache(maxsize=32)
def _own_letters(language: str) -> dict[str, int]:
    """Weights of the letters that a language has of its own."""
    found: dict[str, int] = {}
    weight = 0
    for letter in _TAILORED.get(language, "").split():
        root = letter.isascii() and len(letter) == 1
        weight = _weight(letter) if root else weight + 1
        if not root:
            found[letter] = weight
    return found | {one: found[other] for one, other in _SAME.get(language, {}).items()}


def _root_elements(char: str, *, upper_first: bool) -> list[Element]:
    elements: list[Element] = []
    compatible = unicodedata.normalize("NFKD", char)
    width = 2 if len(compatible) == 1 and compatible != char else 0
    for part in compatible:
        expanded = _EXPANDED.get(part.lower())
        width = width if expanded is None else 8
        for one in unicodedata.normalize("NFD", expanded or part):
            if unicodedata.category(one)[0] == "M":
                elements.append((0, ord(one), 0))
                continue
            plain, form = _plain(one)
            case = int((part != part.lower()) != upper_first)
            elements.append((_weight(plain), 0, case + width + 4 * form))
    return elements


def _plain(char: str) -> tuple[str, int]:
    """The letter without case and kind of kana, and which form of it this is: hiragana, small, katakana."""
    code = ord(char)
    form = 0
    if 0x30A1 <= code <= 0x30F6:
        code, form = code - 0x60, 2
    if code in _SMALL_KANA:
        return chr(_SMALL_KANA[code]), form + 1
    return chr(code).lower()[:1], form


_SMALL_KANA = {
    ord(small): ord(full) for small, full in zip("ぁぃぅぇぉっゃゅょゎゕゖ", "あいうえおつやゆよわかけ", strict=True)
}


@lru_cache(maxsize=65_536)
def _weight(char: str) -> int:
    """The letter's place: blanks, punctuation, symbols, currencies, digits by their value, letters."""
    category = unicodedata.category(char)
    if category == "Nd":
        return _DIGIT * _GROUP + (unicodedata.digit(char) + 1) * _STEP
    group = _CURRENCY if category == "Sc" else _GROUPS.get(category[0], _LETTER)
    return group * _GROUP + _place(ord(char)) * _STEP


def _place(code: int) -> int:
    """Code points as the root has them: ASCII's marks in an order of their own, and of the ideographs those of the
    first block before their extensions.
    """
    if code < 0x80 and chr(code) in _MARKS:
        return _MARKS.index(chr(code))
    return code + 0x20000 if 0x3400 <= code < 0x4DC0 else code


def _number(digits: str) -> list[Element]:
    """A number orders by how long it is, then digit by digit."""
    return [((_DIGIT * _GROUP) + (10 + len(digits)) * _STEP, 0, 0), *((_weight(one), 0, 0) for one in digits)]


def _jis(char: str) -> int:
    """The place of a kanji of JIS X 0208, which comes before all others; 0 where it is none."""
    try:
        code = char.encode("euc_jp")
    except UnicodeEncodeError:
        return 0
    if len(code) != 2 or code[0] < _JIS_KANJI:
        return 0
    return _LETTER * _GROUP + (0x3400 * _STEP) + int.from_bytes(code)


def _without_variable(elements: list[Element]) -> list[Element]:
    """The elements without blanks and punctuation, and the marks on them."""
    kept: list[Element] = []
    variable = False
    for element in elements:
        if element[0]:
            variable = element[0] < 3 * _GROUP
        if not variable:
            kept.append(element)
    return kept
