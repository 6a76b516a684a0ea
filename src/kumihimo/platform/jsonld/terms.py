"""JSON-LD 1.1 contexts compiled to term tables (W3C JSON-LD 1.1 API, sections 4.1 and 4.2).

Only what names need is kept: @base, @language and @direction change values, which NGSI-LD keeps as given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from kumihimo.base.errors import BadRequestData, LdContextNotAvailable
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB

MAX_TERMS = 20_000
MAX_SCOPED = 500
MAX_INCLUDES = 8
"""How many contexts deep one may include another."""
MAX_CHAIN = 32
"""How many terms deep one may be defined by another."""
MAX_IRI = 2048

KEYWORDS = frozenset(
    {
        "@base",
        "@container",
        "@context",
        "@direction",
        "@graph",
        "@id",
        "@import",
        "@included",
        "@index",
        "@json",
        "@language",
        "@list",
        "@nest",
        "@none",
        "@prefix",
        "@propagate",
        "@protected",
        "@reverse",
        "@set",
        "@type",
        "@value",
        "@version",
        "@vocab",
    }
)
_KEYWORD_LIKE = re.compile(r"@[A-Za-z]+\Z", re.ASCII)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)
_CONTAINERS = frozenset({"@list", "@set", "@language", "@index", "@id", "@type", "@graph"})
_DEFINITION_KEYS = frozenset(
    {"@id", "@type", "@container", "@context", "@language", "@direction", "@index", "@nest", "@prefix", "@protected"}
)
_SETTINGS = frozenset(
    {
        "@base",
        "@direction",
        "@import",
        "@language",
        "@propagate",
        "@protected",
        "@version",
        "@vocab",
    }
)


@dataclass(frozen=True, slots=True)
class Term:
    """What a term stands for. iri is None where the context maps it to nothing.

    scope is the local context that holds below this type or property, base the address it was written at.
    """

    iri: str | None
    type: str = ""
    containers: frozenset[str] = frozenset()
    prefix: bool = False
    scope: Any = None
    scoped: bool = False
    base: str = ""


@dataclass(slots=True)
class Table:
    """An active context: terms, and the vocabulary for names that are none."""

    terms: dict[str, Term] = field(default_factory=dict)
    vocab: str | None = None

    def copy(self) -> Table:
        """A table of its own with the same terms."""
        return Table(dict(self.terms), self.vocab)

    def expand(self, name: str) -> str | None:
        """The IRI of a name (section 5.2.2, vocab true); None where the context maps it to nothing."""
        if name in KEYWORDS:
            return name
        term = self.terms.get(name)
        if term is not None:
            return term.iri
        colon = name.find(":", 1)
        if colon > 0:
            return self._compact_iri(name, colon)
        return self._in_vocab(name)

    def _compact_iri(self, name: str, colon: int) -> str:
        if name.startswith("//", colon + 1) or name.startswith("_:"):
            return name
        prefix = self.terms.get(name[:colon])
        if prefix is not None and prefix.iri is not None and prefix.prefix:
            return prefix.iri + name[colon + 1 :]
        return name if _ABSOLUTE.match(name) else self._in_vocab(name)

    def _in_vocab(self, name: str) -> str:
        return (DEFAULT_VOCAB if self.vocab is None else self.vocab) + name


@dataclass(slots=True)
class Compiler:
    """Applies local contexts to tables.

    documents holds the content of every remote context by address. ground is what null resets to, and its
    terms cannot be redefined: the core context's, inside scoped contexts (clause 5.5.7).
    """

    documents: Mapping[str, Any]
    ground: Table = field(default_factory=Table)
    optional: frozenset[str] = frozenset()

    def apply(self, table: Table, local: Any, base: str = "", stack: tuple[str, ...] = ()) -> Table:
        """A new table: `table` with `local` (object, address, null or array of them) over it."""
        result = table.copy()
        for item in local if isinstance(local, list) else [local]:
            result = self._apply_one(result, item, base, stack)
        if len(result.terms) > MAX_TERMS:
            raise BadRequestData(f"the @context has more than {MAX_TERMS} terms")
        if sum(term.scoped for term in result.terms.values()) > MAX_SCOPED:
            raise BadRequestData(f"the @context has more than {MAX_SCOPED} terms with an @context of their own")
        return result

    def _apply_one(self, table: Table, item: Any, base: str, stack: tuple[str, ...]) -> Table:
        if item is None:
            return self.ground.copy()
        if isinstance(item, str):
            url = urljoin(base, item)
            if url in self.optional and url not in self.documents:
                return table
            return self.apply(table, self._document(url, stack), url, (*stack, url))
        if not isinstance(item, dict):
            raise BadRequestData("an @context is an address, an object, null, or an array of these")
        _Definitions(self, table, self._imported(item, base, stack), base).run()
        return table

    def _document(self, url: str, stack: tuple[str, ...]) -> Any:
        if url in stack:
            raise BadRequestData(f"the @context {url} includes itself")
        if len(stack) >= MAX_INCLUDES:
            raise BadRequestData(f"@contexts include each other more than {MAX_INCLUDES} deep")
        if url not in self.documents:
            raise LdContextNotAvailable(f"the @context {url} is not at hand")
        return self.documents[url]

    def _imported(self, item: dict[str, Any], base: str, stack: tuple[str, ...]) -> dict[str, Any]:
        address = item.get("@import")
        if address is None:
            return item
        if not isinstance(address, str):
            raise BadRequestData("@import in an @context is an address")
        document = self._document(urljoin(base, address), stack)
        if not isinstance(document, dict) or "@import" in document:
            raise BadRequestData(f"@import of {address}: only a single object without @import can be imported")
        return {**document, **item}


class _Definitions:
    """One local context being written into a table; terms may use each other in any order."""

    def __init__(self, compiler: Compiler, table: Table, local: Mapping[str, Any], base: str) -> None:
        self.kept = compiler.ground.terms
        self.table = table
        self.local = local
        self.base = base
        self.done: dict[str, bool] = {}
        self.depth = 0

    def run(self) -> None:
        version = self.local.get("@version", 1.1)
        if version != 1.1:
            raise BadRequestData(f"@version in an @context is 1.1, not {version!r}")
        if "@vocab" in self.local:
            self.table.vocab = self._vocab(self.local["@vocab"])
        for name in self.local:
            if name not in _SETTINGS:
                self.define(name)

    def _vocab(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadRequestData("@vocab in an @context is an address or null")
        if value == "":
            return self.table.vocab
        expanded = self.table.expand(value)
        if expanded is None or not is_absolute(expanded):
            raise BadRequestData(f"@vocab {value!r} in the @context is no absolute IRI")
        return expanded

    def define(self, name: str) -> None:
        state = self.done.get(name)
        if state:
            return
        if state is False:
            raise BadRequestData(f"the @context defines {name!r} by itself")
        if name == "" or (name in KEYWORDS and name != "@type"):
            raise BadRequestData(f"the @context redefines {name!r}")
        if name in self.kept or _KEYWORD_LIKE.match(name):
            self.done[name] = True
            return
        self.done[name] = False
        self.depth += 1
        if self.depth > MAX_CHAIN:
            raise BadRequestData(f"the @context defines terms by each other more than {MAX_CHAIN} deep")
        # An old definition must not take part in its own replacement.
        self.table.terms.pop(name, None)
        term = self._term(name, self.local[name])
        if len(term.iri or "") > MAX_IRI:
            raise BadRequestData(f"the @context maps {name[:64]!r} to more than {MAX_IRI} characters")
        self.table.terms[name] = term
        self.depth -= 1
        self.done[name] = True

    def _term(self, name: str, value: Any) -> Term:
        if value is None or (isinstance(value, dict) and "@id" in value and value["@id"] is None):
            return Term(None)
        if isinstance(value, str):
            iri = self._mapping(name, value)
            return Term(iri, prefix=_ends_as_prefix(name, iri))
        if not isinstance(value, dict):
            raise BadRequestData(f"the @context defines {name!r} by neither a text nor an object")
        _check_definition(name, value)
        iri = self._mapping(name, value.get("@id", name))
        prefix = value.get("@prefix", False)
        if not isinstance(prefix, bool) or (prefix and (":" in name or "/" in name)):
            raise BadRequestData(f"@prefix of {name!r} in the @context is wrong")
        return Term(
            iri,
            type=value.get("@type", ""),
            containers=_containers(name, value.get("@container")),
            prefix=prefix,
            scope=value.get("@context"),
            scoped="@context" in value,
            base=self.base,
        )

    def _mapping(self, name: str, target: Any) -> str | None:
        if not isinstance(target, str):
            raise BadRequestData(f"@id of {name!r} in the @context is no text")
        if target != name:
            return self._named_mapping(name, target)
        colon = name.find(":", 1)
        if colon > 0:
            self._define_if_local(name[:colon])
            prefix = self.table.terms.get(name[:colon])
            if prefix is not None and prefix.iri is not None and not name.startswith("//", colon + 1):
                return prefix.iri + name[colon + 1 :]
            return name
        if "/" in name:
            raise BadRequestData(f"the @context gives no absolute IRI for {name!r}")
        return (DEFAULT_VOCAB if self.table.vocab is None else self.table.vocab) + name

    def _named_mapping(self, name: str, target: str) -> str | None:
        if target == "@context":
            raise BadRequestData(f"the @context makes {name!r} an alias of @context")
        if target in KEYWORDS:
            return target
        if _KEYWORD_LIKE.match(target):
            return None
        self._define_if_local(target)
        colon = target.find(":", 1)
        if colon > 0:
            self._define_if_local(target[:colon])
        iri = self.table.expand(target)
        if iri is not None and iri not in KEYWORDS and not is_absolute(iri):
            raise BadRequestData(f"the @context maps {name!r} to {target!r}, which is no absolute IRI")
        return iri

    def _define_if_local(self, name: str) -> None:
        if name in self.local and name not in KEYWORDS:
            self.define(name)


def is_absolute(iri: str) -> bool:
    """Whether this begins with a scheme."""
    return _ABSOLUTE.match(iri) is not None or iri.startswith("_:")


def _ends_as_prefix(name: str, iri: str | None) -> bool:
    if iri is None or ":" in name or "/" in name:
        return False
    return iri.endswith((":", "/", "?", "#", "[", "]", "@")) or iri.startswith("_:")


def _check_definition(name: str, value: Mapping[str, Any]) -> None:
    if "@reverse" in value:
        raise BadRequestData(f"the @context defines {name!r} with @reverse, which no NGSI-LD name can have")
    unknown = [key for key in value if key not in _DEFINITION_KEYS]
    if unknown:
        raise BadRequestData(f"the @context defines {name!r} with {unknown[0]!r}, which JSON-LD does not know")
    if not isinstance(value.get("@type", ""), str):
        raise BadRequestData(f"@type of {name!r} in the @context is no text")


def _containers(name: str, value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    given: Iterable[Any] = value if isinstance(value, list) else [value]
    found = frozenset(item for item in given if isinstance(item, str))
    if not found or not found <= _CONTAINERS:
        raise BadRequestData(f"@container of {name!r} in the @context is not one that JSON-LD knows")
    return found


def addresses(local: Any, base: str) -> set[str]:
    """Every remote context that a local context refers to, also from inside its terms."""
    if isinstance(local, str):
        return {urljoin(base, local)}
    if isinstance(local, list):
        return set().union(*(addresses(item, base) for item in local))
    if not isinstance(local, dict):
        return set()
    found = {urljoin(base, local["@import"])} if isinstance(local.get("@import"), str) else set()
    for value in local.values():
        if isinstance(value, dict) and "@context" in value:
            found |= addresses(value["@context"], base)
    return found
