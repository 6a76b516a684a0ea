"""Makes the wildlife wing's comparison of its risk map with the naive one anew: `python tools/wildlife.py` writes it,
`--tune` chooses the settings again (a quarter of an hour) and prints them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kumihimo.base.jsontext import dumps
from kumihimo.solutions.wildlife import record
from kumihimo.solutions.wildlife.compare import TUNED_ON, tune
from kumihimo.solutions.wildlife.incidents import read_all
from kumihimo.solutions.wildlife.models import together
from kumihimo.solutions.wildlife.risk import events_of

FILE = Path(__file__).parent.parent / "src/kumihimo/solutions/wildlife/data" / record.FILE


def main() -> None:
    """Writes the file, or prints the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true")
    if parser.parse_args().tune:
        settings, score = tune(events_of(together(read_all())), *TUNED_ON)
        print(f"{settings}: log score {score:.1f}")
        return
    FILE.write_bytes(dumps(record.made_anew()) + b"\n")


if __name__ == "__main__":
    main()
