"""The rows of people: accounts and what they prove themselves with, log-ins, links, tries."""

from __future__ import annotations

from typing import Final

from kumihimo.storage.database import Schema

SCHEMA: Final = Schema("identity", "kumihimo.platform.identity", "platform")
