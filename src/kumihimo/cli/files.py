"""Files that commands are given."""

from __future__ import annotations

from pathlib import Path

from kumihimo.cli.say import fail


def text_of(file: Path, most: int) -> str:
    """The text of a file of so many bytes at most, for an operation that measures it; ends with exit code 1 and words
    where it cannot be read. One byte more is read, so that what is too long is seen to be.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1).decode()
    except OSError as problem:
        raise fail(f"{file} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise fail(f"{file}: not UTF-8 (byte {problem.start + 1}), or longer than {most} bytes") from problem
