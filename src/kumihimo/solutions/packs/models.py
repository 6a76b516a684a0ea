"""Words of the room: what `solution.toml` says of a pack, part by part, and what installing one comes to.

Each class below Part is a table of the file; what a table does not name is refused, so that a slip of the pen is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from kumihimo.device.codecs.declared import CodecTable
from kumihimo.platform.access.titles import MAX_TITLE
from kumihimo.platform.programs.models import (
    MAX_FUNCTIONS,
    MAX_IMPORTS,
    MAX_VALUES,
    Function,
    Kind,
    Program,
    Value,
)

FORMAT: Final = 1
"""The form of solution.toml that this program reads."""

PackId = Annotated[str, Meta(pattern=r"^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$")]
Name = Annotated[str, Meta(pattern=r"^[a-z](?:[a-z0-9_.-]{0,62}[a-z0-9])?$")]
Term = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,127}$")]
File = Annotated[str, Meta(min_length=1, max_length=120)]
Short = Annotated[str, Meta(min_length=1, max_length=200)]
Title = Annotated[str, Meta(min_length=1, max_length=MAX_TITLE)]
Long = Annotated[str, Meta(min_length=1, max_length=4000)]
Version = Annotated[
    str,
    Meta(
        pattern=r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})"
        r"(-[0-9A-Za-z-]{1,32}(\.[0-9A-Za-z-]{1,32}){0,4})?$",
        max_length=64,
    ),
]
"""Semantic Versioning 2.0.0, without build metadata."""

LegalClass = Literal["open", "internal", "personal", "sensitive"]
"""open: may be published; internal: for the town's own people; personal: 個人情報; sensitive: 要配慮個人情報."""
PERSONAL: Final[frozenset[LegalClass]] = frozenset({"personal", "sensitive"})
PackAction = Literal["read", "subscribe", "write", "delete", "command", "approve"]
"""What a pack may ask rights to; who gives roles or changes policies is the town's business alone."""
OF_TOWN: Final[frozenset[PackAction]] = frozenset({"command", "approve"})
PERSONS_PAGE: Final = "persons"
"""The page of notice and consent, as which no screen of a pack is named."""
STRANGER: Final = "stranger"
"""As a role: whoever is not logged in."""


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of solution.toml."""


class Said(Part, frozen=True, kw_only=True):
    """Words for people in each language; en and ja are always there."""

    ja: Long
    en: Long
    easy: Long | None = msgspec.field(default=None, name="ja-easy")

    def in_(self, lang: str) -> str:
        """In "ja", "en" or "ja-easy", where the Japanese stands in for やさしい日本語 that is not there."""
        if lang == "ja-easy":
            return self.easy or self.ja
        return self.en if lang == "en" else self.ja


class RoleTitle(Part, frozen=True, kw_only=True):
    """What a role is called that the pack brings: short, and also in easy words."""

    ja: Title
    en: Title
    easy: Title = msgspec.field(name="ja-easy")

    def in_(self, lang: str) -> str:
        """In "ja", "en" or "ja-easy"."""
        return {"en": self.en, "ja-easy": self.easy}.get(lang, self.ja)


class Fits(Part, frozen=True, kw_only=True):
    """For which towns the pack is made: traits they have, and their population from least to most."""

    coast: bool = False
    mountain: bool = False
    snow: bool = False
    river: bool = False
    population: tuple[int, int] | None = None


class Model(Part, frozen=True, kw_only=True):
    """An entity type that the pack brings or, with needs, finds in the town. units: UN/CEFACT codes by attribute."""

    type: Term
    attributes: Annotated[tuple[Term, ...], Meta(min_length=1, max_length=200)]
    units: dict[Term, Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,3}$")]] = {}
    legal: LegalClass = "internal"
    needs: bool = False


ParameterType = Literal["number", "integer", "flag", "text", "choice", "time", "place", "area", "contact"]
"""time is HH:MM; place is [longitude, latitude]; area is [west, south, east, north]; contact a mail address, a
telephone number or an https address.
"""


class Parameter(Part, frozen=True, kw_only=True):
    """A value that is the town's own. least and most bound numbers, and the length of texts."""

    name: Name
    type: ParameterType
    title: Said
    unit: str = ""
    default: Any = None
    least: float | None = None
    most: float | None = None
    choices: Annotated[tuple[Short, ...], Meta(max_length=50)] = ()
    needed: bool = True


class DeviceEntry(Part, frozen=True, kw_only=True):
    """A device that installing registers; its key is made with `kumihimo device`."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$")]
    family: Name
    name: Short
    entity: Short
    type: Term
    attribute: Term | None = None
    least: float | None = None
    most: float | None = None
    place: tuple[float, float] | None = None


class CodecEntry(CodecTable, frozen=True, kw_only=True):
    """A device family that the pack brings: a table of what its messages say of entities of a type."""

    name: Name
    title: Said
    type: Term

    def table(self) -> CodecTable:
        """The table alone."""
        return CodecTable(**{name: getattr(self, name) for name in CodecTable.__struct_fields__})


RuleAction = Literal["change", "alert", "command", "notify", "task", "compute"]
SETTING: Final[frozenset[RuleAction]] = frozenset({"change", "compute"})
"""Actions that write attributes."""


class RuleFile(Part, frozen=True, kw_only=True):
    """A set of rules: what it looks at, what it changes, and which kinds of things it does, so that a loop is seen
    before anything runs and nothing is done that was not said. watches and writes name "Type.attribute".
    """

    file: File
    title: Said
    watches: Annotated[tuple[Short, ...], Meta(min_length=1, max_length=50)]
    writes: Annotated[tuple[Short, ...], Meta(max_length=50)] = ()
    does: Annotated[tuple[RuleAction, ...], Meta(min_length=1)]


Ident = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]


class ValueEntry(Part, frozen=True, kw_only=True):
    """Something that a function takes, or gives: then its name is that of an attribute of the pack's models.

    least and most bound a number; one that is not needed may be missing, which is None in Python.
    """

    name: Ident
    type: Kind
    unit: Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,3}$")] | None = None
    least: float | None = None
    most: float | None = None
    needed: bool = True

    def value(self) -> Value:
        """As the room of programs has it."""
        return Value(self.name, self.type, self.unit or "", self.least, self.most, self.needed)


class FunctionEntry(Part, frozen=True, kw_only=True):
    """A function of the program: what it is for, what it takes by name, and the attributes that it gives."""

    name: Ident
    title: Said
    takes: Annotated[tuple[ValueEntry, ...], Meta(max_length=MAX_VALUES)] = ()
    gives: Annotated[tuple[ValueEntry, ...], Meta(min_length=1, max_length=MAX_VALUES)]

    def function(self) -> Function:
        """As the room of programs has it."""
        return Function(self.name, tuple(one.value() for one in self.takes), tuple(one.value() for one in self.gives))


class ProgramEntry(Part, frozen=True, kw_only=True):
    """The pack's program: one file of Python that does nothing but reckon, what it imports, and its functions."""

    file: File
    imports: Annotated[tuple[Ident, ...], Meta(max_length=MAX_IMPORTS)] = ()
    functions: Annotated[tuple[FunctionEntry, ...], Meta(min_length=1, max_length=MAX_FUNCTIONS)]

    def program(self, body: bytes) -> Program:
        """As the room of programs has it."""
        return Program(body.decode("utf-8"), self.imports, tuple(one.function() for one in self.functions))


class Marks(Part, frozen=True, kw_only=True):
    """Rows whose attribute is below (or above) the value of a parameter are marked with words."""

    attribute: Term
    words: Said
    below: Name | None = None
    above: Name | None = None


class ScreenEntry(Part, frozen=True, kw_only=True):
    """A page of entities of one type: a table, or a map with the table below it."""

    id: PackId
    kind: Literal["table", "map"]
    title: Said
    type: Term
    columns: dict[Term, Said]
    order: Term | None = None
    descending: bool = False
    marks: Marks | None = None


class Right(Part, frozen=True, kw_only=True):
    """A right that the pack asks for a role, or takes from it; attributes and purposes () are all of them.

    unless: entities of which one of these attributes has this value are left out, such as those of a training.
    """

    role: Name
    may: Annotated[tuple[PackAction, ...], Meta(min_length=1)]
    why: Said
    types: Annotated[tuple[Term, ...], Meta(max_length=50)] = ()
    attributes: Annotated[tuple[Term, ...], Meta(max_length=100)] = ()
    purposes: Annotated[tuple[Name, ...], Meta(max_length=20)] = ()
    unless: Annotated[dict[Term, Short | bool | int], Meta(max_length=5)] = {}


class Clarified(Part, frozen=True, kw_only=True):
    """The clarified rule: what may be done with the data and how, and for which purposes."""

    rule: Said
    purposes: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=20)]


class Persons(Part, frozen=True, kw_only=True):
    """Where persons are concerned: what they are told, and what they agree to."""

    notice: Said
    consent: Said


class FigureEntry(Part, frozen=True, kw_only=True):
    """How a figure is made of the entities of a type as they are now; share is the sum divided by that of `of`."""

    kind: Literal["count", "sum", "mean", "least", "most", "share"]
    type: Term
    attribute: Term | None = None
    of: Term | None = None


class KpiEntry(Part, frozen=True, kw_only=True):
    """A figure that says whether the measure works. source is a figure of the platform's own, where one is named."""

    id: Name
    title: Said
    unit: Said
    owner: Said
    target: float | None = None
    better: Literal["higher", "lower"] = "higher"
    figure: FigureEntry | None = None
    source: Name | None = None


class AlertEntry(Part, frozen=True, kw_only=True):
    """An alert that the pack raises: how grave (1 to 4), and who decides on it.

    moves: types whose devices move only by a decision on it; permits: types of entities that hold a standing
    permission, which a person alone gives.
    """

    name: Name
    title: Said
    severity: Annotated[int, Meta(ge=1, le=4)]
    decides: Name
    moves: Annotated[tuple[Term, ...], Meta(max_length=50)] = ()
    permits: Annotated[tuple[Term, ...], Meta(max_length=50)] = ()


class Fixed(Part, frozen=True, kw_only=True):
    """A figure that the pack itself fixes and the town cannot set."""

    name: Name
    value: int | float | str
    unit: str = ""
    why: Said


class Role(Part, frozen=True, kw_only=True):
    """What a town of the pack's demonstration does."""

    id: Name
    role: Short


class Case(Part, frozen=True, kw_only=True):
    """A test of the pack's: given its entities, somebody does something and it is as expected, or refused.

    as: a role, or "stranger" or "device". does: figure names a KPI in entity, reading sends a message of the device in
    entity, or of some device of the pack's codec in it: value as JSON, or text, or hex (bytes as hexadecimal digits);
    compute calls the program's function named in entity with value, a table of what it takes.
    expect: attributes with their values after (for a figure: value; for a reading also observedAt). hides: attributes
    not shown, or not in the reading.
    """

    name: Short
    does: Literal["read", "write", "delete", "subscribe", "figure", "reading", "compute"]
    as_: Name = msgspec.field(default="officer", name="as")
    entity: Short
    attribute: Term | None = None
    value: Any = None
    hex: Annotated[str, Meta(pattern=r"^(?:[0-9A-Fa-f]{2} ?)*$", max_length=3100)] | None = None
    text: Annotated[str, Meta(max_length=20_000)] | None = None
    purpose: Name = "operate"
    refuse: bool = False
    expect: dict[Term, Any] = {}
    hides: tuple[Term, ...] = ()


class Pack(Part, frozen=True, kw_only=True):
    """What solution.toml says."""

    format: Literal[1]
    id: PackId
    version: Version
    title: Said
    about: Said
    limits: Said
    author: Short
    licence: Short
    clarified: Clarified
    models: Annotated[tuple[Model, ...], Meta(min_length=1, max_length=50)]
    changed_from: str = ""
    """The pack and version that this one is a town's changed copy of."""
    parts: Annotated[tuple[Name, ...], Meta(max_length=20)] = ()
    """Parts of the platform that it stands on, whose Python is the platform's own."""
    python: str = ""
    """The platform's own package whose Python works for the pack; only for packs that come with the platform."""
    program: ProgramEntry | None = None
    """What no table can say: a pack of outside may bring it too, as it runs where it can do nothing but reckon."""
    context: File | None = None
    texts: File | None = None
    attribution: File | None = None
    start: Annotated[tuple[File, ...], Meta(max_length=20)] = ()
    """Files of entities that are made in the town."""
    sample: Annotated[tuple[File, ...], Meta(max_length=20)] = ()
    """Files of entities to try the pack with; made in the town only where that is asked for."""
    fits: Fits = Fits()
    parameters: Annotated[tuple[Parameter, ...], Meta(max_length=100)] = ()
    devices: Annotated[tuple[DeviceEntry, ...], Meta(max_length=500)] = ()
    families: dict[Name, Short | Said] = {}
    """Kinds of devices that the town brings, and how many of what: in each language, or in one alone."""
    codecs: Annotated[tuple[CodecEntry, ...], Meta(max_length=20)] = ()
    rules: Annotated[tuple[RuleFile, ...], Meta(max_length=20)] = ()
    screens: Annotated[tuple[ScreenEntry, ...], Meta(max_length=20)] = ()
    rights: Annotated[tuple[Right, ...], Meta(max_length=50)] = ()
    roles: dict[Name, RoleTitle] = {}
    """Titles of the roles that it brings; those of the platform have theirs."""
    forbids: Annotated[tuple[Right, ...], Meta(max_length=50)] = ()
    persons: Persons | None = None
    kpis: Annotated[tuple[KpiEntry, ...], Meta(max_length=30)] = ()
    alerts: Annotated[tuple[AlertEntry, ...], Meta(max_length=30)] = ()
    fixed: Annotated[tuple[Fixed, ...], Meta(max_length=30)] = ()
    towns: Annotated[tuple[Role, ...], Meta(max_length=20)] = ()
    cases: Annotated[tuple[Case, ...], Meta(max_length=200)] = ()

    def named_files(self) -> tuple[str, ...]:
        """Every file that the manifest names, each once."""
        program = None if self.program is None else self.program.file
        single = (one for one in (self.context, self.texts, self.attribution, program) if one)
        return tuple(dict.fromkeys((*single, *self.start, *self.sample, *(one.file for one in self.rules))))


# --- what is held, and what is to be done ------------------------------------------------------------------

Files = Mapping[str, bytes]
"""A pack's files by their paths with "/" between the steps."""
Origin = Literal["shipped", "outside"]
"""shipped: it came with the program, and is as good as the program; outside: somebody else's."""
Trust = Literal["shipped", "signed", "unknown-signer", "unsigned"]


@dataclass(frozen=True, slots=True)
class Held:
    """A pack that was read: what it says, its files, where it comes from, and who signed it ("" for nobody known)."""

    pack: Pack
    files: Files
    origin: Origin
    trust: Trust
    signer: str = ""

    @property
    def program(self) -> Program | None:
        """The pack's program, None where it brings none."""
        entry = self.pack.program
        return None if entry is None else entry.program(self.files[entry.file])

    @property
    def name(self) -> str:
        """The pack with its version."""
        return f"{self.pack.id} {self.pack.version}"


ItemKind = Literal["context", "policies", "family", "rules", "device", "entity"]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that installing makes in the town: its kind and name, and its content as a canonical text.

    ref: how the room that keeps it calls it, where that is not the name.
    """

    kind: ItemKind
    name: str
    text: str
    ref: str = ""


ProgramChange = Literal["none", "new", "changed", "same", "gone"]
"""What becomes of the pack's program: "same" is in all as it runs already."""
StepKind = Literal["make", "change", "take-away", "stays", "clash"]
"""stays: it is the town's now, because the town changed it; clash: something of that name is there already."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan."""

    what: StepKind
    item: Item
    words: Said | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen. missing stops it; later are things that the town has to see to, and stop nothing."""

    action: Literal["install", "upgrade", "remove"]
    pack: Pack
    tenant: str
    steps: tuple[Step, ...]
    missing: tuple[Said, ...] = ()
    later: tuple[Said, ...] = ()
    before: str = ""
    """The version that is installed now, "" for none."""
    program: ProgramChange = "none"


InstallState = Literal["installing", "installed", "removing"]


@dataclass(frozen=True, slots=True)
class Install:
    """A pack in a town. revision grows with every change; archive is the pack as it was installed."""

    id: str
    version: str
    state: InstallState
    origin: Origin
    trust: Trust
    signer: str
    sample: bool
    at: int
    by: str
    revision: int
    archive: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done with a pack in a town."""

    at: int
    pack: str
    version: str
    what: str
    by: str


TRAITS: Final = ("coast", "mountain", "snow", "river")


@dataclass(frozen=True, slots=True)
class Town:
    """What a town says of itself; listed: it lets the other towns of the platform see it in the register."""

    tenant: str
    population: int = 0
    traits: frozenset[str] = frozenset()
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one case of a pack's tests; why is "" where it is as expected."""

    case: str
    passed: bool
    why: str = ""
