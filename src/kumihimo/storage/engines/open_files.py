"""How many files this process may have open, and how many tenant files fit in.

The usual soft limit of 1,024 is for programs that use select(); a tenant's file takes up to twelve, and without
any left the platform can take no connection.
"""

from __future__ import annotations

import resource
from typing import Final

WANTED: Final = 65_536
PER_TENANT: Final = 12
"""A writer's and four readers' file and log, the shared memory, and one to spare."""
RESERVED: Final = 512
"""Left for connections, templates and the platform's own file."""
LEAST: Final = 4


def raise_limit() -> int:
    """Raises the soft limit of open files towards the hard one; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return WANTED if soft == resource.RLIM_INFINITY else soft


def tenant_files(limit: int) -> int:
    """How many tenant files may be open at once under a limit of open files."""
    return max(LEAST, (limit - RESERVED) // PER_TENANT)
