"""The exact commands that pages show, quoted for a POSIX shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kumihimo.base.jsontext import text
from kumihimo.platform.jsonld.contexts import Context

KEY = '-H "Authorization: Bearer $KUMIHIMO_KEY"'
"""How a command shows an API key, on a platform that is not open; the reader's shell puts it in."""
_REL = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


def get_entity(base_url: str, tenant: str, entity_id: str, context: Context, *, needs_key: bool = False) -> str:
    """The command that fetches one entity as JSON-LD (ETSI GS CIM 009 clause 6.5.3.1)."""
    headers = {"NGSILD-Tenant": tenant, "Accept": "application/ld+json"}
    if context.link:
        headers["Link"] = f"<{context.link}>; {_REL}"
    return _command(f"{base_url}/ngsi-ld/v1/entities/{quote(entity_id, safe=':')}", headers, needs_key=needs_key)


def create_entity(base_url: str, tenant: str, entity: Mapping[str, Any], *, needs_key: bool = False) -> str:
    """The command that creates an entity (clause 6.4.3.1)."""
    headers = {"NGSILD-Tenant": tenant, "Content-Type": "application/json"}
    return _command(f"{base_url}/ngsi-ld/v1/entities", headers, text(entity), needs_key=needs_key)


def _command(url: str, headers: Mapping[str, str], body: str = "", *, needs_key: bool) -> str:
    parts = [f"curl -s {shlex.quote(url)}"]
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    if needs_key:
        parts.append(KEY)
    if body:
        parts.append(f"-d {shlex.quote(body)}")
    return " \\\n  ".join(parts)
