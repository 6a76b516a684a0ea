"""`make soak MINUTES=30`: the kill stories with new chances, until the time is over or something broke.

`--story writes`, `delivery`, `history`, `rules` or `wildlife` takes one of them alone; all but writes also stand on
PostgreSQL (`--engine`), where the platform or the import is killed and the server stays.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.flows import test_delivery_kill, test_import_kill, test_kill, test_rules_kill, test_wildlife_kill
from tests.postgres_server import PostgresServer

KILLS = 50
IMPORT_ROWS, IMPORT_KILLS = 400_000, 10
Environ = dict[str, str]


def main() -> int:
    """0 where every round held; a broken round raises with its seed printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--story", choices=tuple(STORIES), action="append", help="all where none is named")
    parser.add_argument(
        "--engine", choices=("sqlite", "postgresql"), default="sqlite", help="of all stories but writes"
    )
    parser.add_argument("--kills", type=int, default=KILLS, help="in a round of any story but history")
    parser.add_argument("--seed", type=int, help="of the first round, to see again what broke")
    options = parser.parse_args()
    until = time.monotonic() + options.minutes * 60
    rounds, seed = 0, options.seed
    while time.monotonic() < until or rounds == 0:
        rounds += 1
        for name in options.story or STORIES:
            seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
            print(f"round {rounds}, {name}, seed {seed}", flush=True)
            with tempfile.TemporaryDirectory() as folder, environ(options.engine) as given:
                print(f"  {STORIES[name](Path(folder), random.Random(seed), given, options.kills)}", flush=True)
            seed = None
    return 0


def writes(folder: Path, chance: random.Random, _: Environ, kills: int) -> str:
    """Writers under load: nothing acknowledged is lost or doubled (SQLite)."""
    return f"{kills} kills, {test_kill.story(folder, kills, chance)} acknowledged writes, none lost, none doubled"


def delivery(folder: Path, chance: random.Random, given: Environ, kills: int) -> str:
    """Subscribers under load: everything acknowledged is told, in order."""
    account = test_delivery_kill.story(folder, kills, chance, given)
    return (
        f"{kills} kills, {account.acknowledged} acknowledged changes, {account.due} of {account.due} delivered, "
        f"in order, with {account.notifications} notifications; {account.doubled} came again under their own id"
    )


def history(folder: Path, _: random.Random, given: Environ, __: int) -> str:
    """An import of history: it goes on where it was committed."""
    test_import_kill.story(folder, IMPORT_ROWS, IMPORT_KILLS, given)
    return f"{IMPORT_KILLS} kills of an import of {IMPORT_ROWS} rows, none lost, none doubled"


def rules(folder: Path, chance: random.Random, given: Environ, kills: int) -> str:
    """Rules that fire while changes stream in: each once, with each of its actions."""
    return f"{kills} kills, {test_rules_kill.story(folder, kills, chance, given)} firings, none lost, none doubled"


def wildlife(folder: Path, chance: random.Random, given: Environ, kills: int) -> str:
    """Animals that are detected: each encounter with one alert, one notice, one decision and one command."""
    return (
        f"{kills} kills, {test_wildlife_kill.story(folder, kills, chance, given)} encounters, none lost, none doubled"
    )


STORIES = {"writes": writes, "delivery": delivery, "history": history, "rules": rules, "wildlife": wildlife}


@contextmanager
def environ(engine: str) -> Iterator[Environ]:
    """What the platform is told of its engine; PostgreSQL is a cluster of its own that ends with the round."""
    if engine == "sqlite":
        yield {}
        return
    server = PostgresServer()
    server.start()
    try:
        yield {"KUMIHIMO_DATABASE_URL": server.url(server.create_database())}
    finally:
        server.stop()


if __name__ == "__main__":
    raise SystemExit(main())
