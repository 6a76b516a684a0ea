"""Passkeys (W3C Web Authentication Level 3): questions for the browser, and what its answers prove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.platform.identity.models import Passkey, Visitor, Wrong

SITE_NAME: Final = "Kumihimo"
MAX_ANSWER: Final = 16 * 1024


def creation(account: str, sign_in: str, name: str, known: Sequence[Passkey], visitor: Visitor) -> tuple[str, str]:
    """The challenge (base64url), and the options as JSON, for a new passkey of the account."""
    options = webauthn.generate_registration_options(
        rp_id=visitor.host,
        rp_name=SITE_NAME,
        user_id=account.encode(),
        user_name=sign_in,
        user_display_name=name,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return bytes_to_base64url(options.challenge), options_to_json(options)


def request(visitor: Visitor) -> tuple[str, str]:
    """The challenge and the options for a log-in by whichever passkey there is; names nobody."""
    options = webauthn.generate_authentication_options(
        rp_id=visitor.host, user_verification=UserVerificationRequirement.REQUIRED
    )
    return bytes_to_base64url(options.challenge), options_to_json(options)


def answer_of(text: str) -> dict[str, Any]:
    """The browser's answer as an object; BadRequestData where it is none, or too large."""
    if len(text) > MAX_ANSWER:
        raise BadRequestData("this is no answer of a passkey: it is too large")
    try:
        found = jsontext.loads(text.encode())
    except Problem as problem:
        raise BadRequestData("this is no answer of a passkey") from problem
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise BadRequestData("this is no answer of a passkey")
    return found


def made(answer: dict[str, Any], challenge: str, visitor: Visitor) -> tuple[str, str, int]:
    """Id, public key and counter of the passkey that was made for this challenge; Wrong where it was not."""
    try:
        found = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=visitor.host,
            expected_origin=visitor.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as problem:
        raise Wrong("the passkey was not made for this page") from problem
    return (
        bytes_to_base64url(found.credential_id),
        bytes_to_base64url(found.credential_public_key),
        found.sign_count,
    )


def counted(answer: dict[str, Any], challenge: str, key: Passkey, visitor: Visitor) -> int:
    """The passkey's new counter, once its answer is proved; Wrong where it is not, or the counter went back."""
    try:
        _is_owners(answer, key.account)
        found = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=visitor.host,
            expected_origin=visitor.origin,
            credential_public_key=base64url_to_bytes(key.public),
            credential_current_sign_count=key.counter,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as problem:
        raise Wrong("the passkey's answer is not right") from problem
    return found.new_sign_count


def _is_owners(answer: dict[str, Any], account: str) -> None:
    """Section 7.2 step 6: the user handle, which a discoverable passkey gives, is that of the key's owner."""
    handle = answer["response"].get("userHandle")
    if handle and base64url_to_bytes(handle) != account.encode():
        raise ValueError("the user handle is another's")
