"""A compiled @context: names out of IRIs and IRIs out of names, both remembered."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.terms import KEYWORDS, Compiler, Table, Term

_MAX_REMEMBERED = 20_000
_MAX_LENGTH = 512
_MAX_SCOPES = 64


class Context:
    """The @context of a request or an answer, the core context included as its last part (clause 5.5.7).

    source is what an answer echoes as "@context" (address, object or array); link is the address for a Link
    header, "" where there is none; key names it in caches. Immutable but for what it remembers.
    """

    __slots__ = (
        "_compacted",
        "_compiler",
        "_expanded",
        "_inverse",
        "_outer",
        "_scoped_names",
        "_scopes",
        "_table",
        "key",
        "link",
        "source",
    )

    def __init__(
        self, table: Table, compiler: Compiler, *, source: Any, link: str, key: str, outer: Context | None = None
    ) -> None:
        self.source = source
        self.link = link
        self.key = key
        self._scoped_names = frozenset(name for name, term in table.terms.items() if term.scoped)
        self._table = table
        self._compiler = compiler
        self._outer = outer
        self._expanded: dict[str, str] = {}
        self._compacted: dict[str, str] = {}
        self._inverse: dict[str, str] | None = None
        self._scopes: dict[tuple[str, ...], Context] = {}

    def __repr__(self) -> str:
        return f"Context({self.key!r})"

    def expand(self, term: str) -> str:
        """The IRI of an attribute or type name; "@id", "@type" for aliases of these.

        BadRequestData where the @context maps the name to nothing: what it names would be lost unseen.
        """
        found = self._expanded.get(term)
        if found is None:
            iri = self._table.expand(term)
            if iri is None:
                raise BadRequestData(f"the @context maps {term!r} to nothing (null); use another name")
            found = _remember(self._expanded, term, iri)
        return found

    def lookup(self, term: str) -> str | None:
        """As expand, but None where the @context maps the name to nothing; for keys that need not be names."""
        known = self._expanded.get(term)
        return known if known is not None else self._table.expand(term)

    def expand_type(self, term: str) -> str:
        """The IRI of an entity type or of a term of a vocabulary."""
        return self.expand(term)

    def compact(self, iri: str) -> str:
        """The name for an IRI: a term, else without the vocabulary, else prefix:rest, else the IRI itself."""
        found = self._compacted.get(iri)
        return found if found is not None else _remember(self._compacted, iri, self._compact(iri))

    def _compact(self, iri: str) -> str:
        if self._inverse is None:
            self._inverse = _invert(self._table.terms)
        term = self._inverse.get(iri)
        if term is not None:
            return term
        vocab = self._table.vocab
        if vocab and iri.startswith(vocab) and self._table.expand(iri[len(vocab) :]) == iri:
            return iri[len(vocab) :]
        prefixed = [
            f"{name}:{iri[len(entry.iri) :]}"
            for name, entry in self._table.terms.items()
            if entry.prefix and entry.iri and len(iri) > len(entry.iri) and iri.startswith(entry.iri)
        ]
        good = [name for name in prefixed if self._table.expand(name) == iri]
        return min(good, key=lambda name: (len(name), name)) if good else iri

    def at(self, link: str) -> Context:
        """The same context with this address for a Link header."""
        twin = copy.copy(self)
        twin.link = link
        return twin

    @property
    def size(self) -> int:
        """How many terms it holds: its weight in a cache."""
        return len(self._table.terms)

    @property
    def own_scopes(self) -> frozenset[str]:
        """The terms, beside those of the core context, that bring an @context of their own (scoped contexts)."""
        return frozenset(name for name in self._scoped_names if name not in self._compiler.ground.terms)

    def check_flat(self) -> Context:
        """The context itself; BadRequestData where it holds scoped contexts, as no user's may (clause 5.5.7)."""
        own = sorted(self.own_scopes) if self._scoped_names else ()
        if own:
            raise BadRequestData(
                f"the @context gives {own[0]!r} an @context of its own; NGSI-LD takes no scoped contexts"
            )
        return self

    def typed(self, types: Iterable[str]) -> Context:
        """The context inside a node of these types, named as in this context (type-scoped contexts).

        Scoped contexts of types hold for the node's own names and not for those of its parts, unless
        they say @propagate.
        """
        scoped = tuple(name for name in sorted(types) if name in self._scoped_names) if self._scoped_names else ()
        if not scoped:
            return self
        key = ("@type", *scoped)
        found = self._scopes.get(key)
        if found is None:
            found = self
            for name in scoped:
                found = found.scoped_by(self._table.terms[name], propagate=False)
            self._keep(key, found)
        return found

    def into(self, name: str) -> Context:
        """The context inside the value of this attribute, named as in this context (property-scoped contexts)."""
        outer = self._outer or self
        if name not in self._scoped_names:
            return outer
        key = ("@property", name)
        found = self._scopes.get(key)
        if found is None:
            found = outer.scoped_by(self._table.terms[name], propagate=True)
            self._keep(key, found)
        return found

    def scoped_by(self, term: Term, *, propagate: bool) -> Context:
        """This context with the term's own over it; propagate is what holds where that does not say."""
        table = self._compiler.apply(self._table, term.scope, term.base)
        if isinstance(term.scope, dict) and isinstance(term.scope.get("@propagate"), bool):
            propagate = term.scope["@propagate"]
        outer = self._outer if propagate else (self._outer or self)
        return Context(table, self._compiler, source=self.source, link=self.link, key=self.key, outer=outer)

    def _keep(self, key: tuple[str, ...], context: Context) -> None:
        if len(self._scopes) >= _MAX_SCOPES:
            self._scopes.clear()
        self._scopes[key] = context


def _remember(memory: dict[str, str], key: str, value: str) -> str:
    # Names come from outside: what is remembered is bounded.
    if len(key) > _MAX_LENGTH:
        return value
    if len(memory) > _MAX_REMEMBERED:
        memory.clear()
    memory[key] = value
    return value


def _invert(terms: Mapping[str, Term]) -> dict[str, str]:
    """The name of each IRI: the shortest, of these the first in order (JSON-LD 1.1 API section 4.3)."""
    inverse: dict[str, str] = {}
    for name in sorted(terms, key=lambda term: (len(term), term)):
        iri = terms[name].iri
        if iri is not None and name not in KEYWORDS:
            inverse.setdefault(iri, name)
    return inverse
