"""A platform of ours that is closed, asked by an application whose rights are told by fifty policies.

Each policy permits the application's role one type of entities, those that the runs are made of and others; the last
one forbids an attribute of all of them. So every answer is of some rows and not of all names, as in a town.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from harness import Platform

from kumihimo.base.ids import DEFAULT_TENANT

POLICIES: Final = 50
ROLE: Final = "bench"
NAMES: Final = "https://uri.etsi.org/ngsi-ld/default-context/"
MEASURED: Final = ("Vehicle", "Shop", *(f"Station{number}" for number in range(5)), "Gauge", "TimedByType", "TimedEach")
"""The types of the runs' entities."""
SCOPES: Final = ("ngsi-ld:read", "ngsi-ld:write", "ngsi-ld:subscribe")


def policies() -> list[str]:
    """Documents of twenty policies each at most, so that none is too long."""
    others = [f"Other{number}" for number in range(POLICIES - len(MEASURED) - 1)]
    actions = ", ".join(f'Action::"{one}"' for one in ("read", "write", "delete", "subscribe"))
    whom = f'principal in Role::"{ROLE}", action in [{actions}]'
    each = [f'permit ({whom}, resource in EntityType::"{NAMES}{one}");' for one in (*MEASURED, *others)]
    each.append(f'forbid ({whom}, resource is Entity) when {{ context.attribute == "{NAMES}secret" }};')
    return ["\n".join(each[start : start + 20]) + "\n" for start in range(0, len(each), 20)]


def key_for(platform: Platform) -> str:
    """Makes the tenant, the policies and the application of a platform that runs; the application's key."""
    folder = Path(platform.folder.name)

    def said(*words: str) -> str:
        command = [str(Path(sys.executable).parent / "kumihimo"), *words, "--data", str(folder)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    said("tenant", "add", DEFAULT_TENANT)
    for number, text in enumerate(policies()):
        file = folder / f"bench-{number}.cedar"
        file.write_text(text)
        said("policy", "put", str(file), "--why", "measured", "--tenant", DEFAULT_TENANT)
    scopes = [part for one in SCOPES for part in ("--scope", one)]
    made = said("application", "add", ROLE, "--tenant", DEFAULT_TENANT, "--kind", "key", *scopes)
    application, key = re.findall(r"a-[\w-]+", made)[0], re.findall(r"kmh_[\w-]+", made)[0]
    said("member", "add", f"application:{application}", "--role", ROLE, "--tenant", DEFAULT_TENANT)
    return str(key)
