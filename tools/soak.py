"""`make soak MINUTES=30`: the kill story with new chances, until the time is over or something broke."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.flows.test_kill import story

KILLS = 50


def main() -> int:
    """0 where every round held; a broken round raises with its seed printed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=30.0)
    until = time.monotonic() + options.parse_args().minutes * 60
    rounds = 0
    while time.monotonic() < until or rounds == 0:
        seed = random.SystemRandom().randrange(1 << 32)
        with tempfile.TemporaryDirectory() as folder:
            print(f"round {rounds + 1}, seed {seed}", flush=True)
            acknowledged = story(Path(folder), KILLS, random.Random(seed))
        rounds += 1
        print(f"  {KILLS} kills, {acknowledged} acknowledged writes, none lost, none doubled", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
