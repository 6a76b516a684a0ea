"""Who answers for a pack: an Ed25519 signature (RFC 8032) over the list of its files and their hashes.

What is signed is the text of `statement`: the pack's name and version, then for each file but the signature itself, by
path, a line of its SHA-256, its size in bytes and its path. Signers that the operator trusts lie as files
`<name>.pub`, each the public key in base64, in the folder packs/signers of the data folder.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kumihimo.base import tomltext
from kumihimo.solutions.packs.archive import SIGNATURE
from kumihimo.solutions.packs.errors import refused
from kumihimo.solutions.packs.models import Files, Pack

Signers = Mapping[str, bytes]
"""Public keys (32 bytes) by the name under which the operator trusts them."""
_HEAD: Final = "kumihimo-pack 1"
_MAX_KEY: Final = 200


def statement(pack: Pack, files: Files) -> bytes:
    """What is signed: the same bytes for the same pack, however it was packed."""
    named = [
        f"{hashlib.sha256(files[name]).hexdigest()} {len(files[name])} {name}"
        for name in sorted(files)
        if name != SIGNATURE
    ]
    return ("\n".join([_HEAD, f"{pack.id} {pack.version}", *named]) + "\n").encode()


def signed(pack: Pack, files: Files, key: bytes) -> bytes:
    """The file signature.toml by this private key (32 bytes)."""
    private = Ed25519PrivateKey.from_private_bytes(key)
    public = private.public_key().public_bytes_raw()
    made = private.sign(statement(pack, files))
    return f'key = "{_text(public)}"\nsignature = "{_text(made)}"\n'.encode()


def signer_of(pack: Pack, files: Files) -> bytes | None:
    """The public key that signed the pack, None where nobody did. PackRefused where the signature is not good."""
    raw = files.get(SIGNATURE)
    if raw is None:
        return None
    try:
        found = tomltext.loads(raw.decode("utf-8"))
        key, made = _bytes(found["key"]), _bytes(found["signature"])
        Ed25519PublicKey.from_public_bytes(key).verify(made, statement(pack, files))
    except InvalidSignature as problem:
        raise refused(
            f"the signature of {pack.id} {pack.version} does not fit its files: one was changed after it was signed",
            f"{pack.id} {pack.version} の署名がファイルと合いません。署名の後に変えられたものがあります",
        ) from problem
    except (KeyError, TypeError, ValueError) as problem:
        raise refused(f"{SIGNATURE} cannot be read: {problem}", f"{SIGNATURE} が読めません（{problem}）") from problem
    return key


def new_key() -> tuple[bytes, bytes]:
    """A private key and its public one, as they are written to files."""
    private = Ed25519PrivateKey.generate()
    return (
        (_text(private.private_bytes_raw()) + "\n").encode(),
        (_text(private.public_key().public_bytes_raw()) + "\n").encode(),
    )


def write_keys(path: Path) -> Path:
    """Makes a pair of keys: the private one at path, for its owner alone, the public one beside it as .pub."""
    private, public = new_key()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(private)
        beside = path.with_name(path.name + ".pub")
        beside.write_bytes(public)
    except FileExistsError as problem:
        raise refused(
            f"{path} is there already; a key is never written over", f"{path} はすでにあります。鍵は上書きしません"
        ) from problem
    except OSError as problem:
        raise refused(
            f"{path} cannot be written: {problem.strerror}", f"{path} に書けません（{problem.strerror}）"
        ) from problem
    return beside


def read_key(path: Path) -> bytes:
    """The 32 bytes of a key file. PackRefused where there are none."""
    try:
        with path.open("rb") as opened:
            raw = opened.read(_MAX_KEY + 1)
        return _bytes(raw.decode("ascii").strip())
    except OSError as problem:
        raise refused(
            f"{path} cannot be read: {problem.strerror}", f"{path} が読めません（{problem.strerror}）"
        ) from problem
    except ValueError as problem:
        raise refused(
            f"{path} holds no Ed25519 key in base64", f"{path} は base64 の Ed25519 の鍵ではありません"
        ) from problem


def read_signers(folder: Path) -> Signers:
    """The signers that are trusted, by name; none where there is no such folder."""
    if not folder.is_dir():
        return {}
    return {path.stem: read_key(path) for path in sorted(folder.glob("*.pub"))}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise ValueError(str(problem)) from problem
    if len(found) not in (32, 64):
        raise ValueError("not the length of a key or a signature")
    return found
