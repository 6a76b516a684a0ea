"""What proves a person: a password with its second half, a passkey, a recovery code. Wrong is answered alike."""

from __future__ import annotations

import logging
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.platform.identity import codes, passkeys
from kumihimo.platform.identity.models import Account, How, Numbers, Visitor, Wrong, digest_of, new_secret, sign_in_of
from kumihimo.platform.identity.passwords import Passwords
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.identity.store import accounts as people
from kumihimo.platform.identity.store import logins as store
from kumihimo.platform.identity.tries import Tries
from kumihimo.storage.database import PLATFORM, Database, Tx

log = logging.getLogger(__name__)
WRONG: Final = "the name, the password or the code is not right"
CODE_TRIES: Final = 5
_SECOND: Final = 1_000_000


class Proofs:
    """Judges credentials; whoever is wrong learns no more than that, and no sooner where there is no such account."""

    def __init__(
        self, database: Database, clock: Clock, seal: Seal, passwords: Passwords, tries: Tries, numbers: Numbers
    ) -> None:
        self._database = database
        self._clock = clock
        self._seal = seal
        self._passwords = passwords
        self._tries = tries
        self._numbers = numbers

    # --- password, then a code ------------------------------------------------------------------------------

    async def password(self, sign_in: str, password: str, visitor: Visitor) -> Account:
        """The account whose password this is. Wrong, or TooManyRequests."""
        name = sign_in_of(sign_in)
        await self._tries.take("password", name, visitor.address)
        account = await self._database.read(PLATFORM, lambda tx: people.by_sign_in_tx(tx, name), quick=True)
        good = account is not None and not account.disabled_at
        kept = account.password if account is not None and good else ""
        if not await self._passwords.fits(kept, password) or account is None:
            raise Wrong(WRONG)
        await self._tries.forgive("password", name, visitor.address)
        if self._passwords.is_old(kept):
            await self._rehash(account, password)
        return account

    async def _rehash(self, account: Account, password: str) -> None:
        anew = await self._passwords.hashed(password)
        await self._database.write(PLATFORM, lambda tx: people.rehash_tx(tx, account.id, account.password, anew))

    async def code(self, account: Account, code: str, visitor: Visitor) -> How:
        """Uses up a code of the account's app or one of its recovery codes. Wrong, or TooManyRequests."""
        await self._tries.take("code", account.id, visitor.address)
        found = codes.tidy(code)
        by_app = codes.is_totp(found)
        if not await (self._use_totp(account, found) if by_app else self._use_recovery(account.id, found)):
            raise Wrong(WRONG)
        await self._tries.forgive("code", account.id, visitor.address)
        return "password+totp" if by_app else "password+recovery"

    async def _use_totp(self, account: Account, code: str) -> bool:
        if not account.totp:
            return False
        secret = self._seal.unseal(totp_purpose(account.id), account.totp).decode()
        step = codes.step_of(secret, code, self._clock.now(), account.totp_step)
        if step is None:
            return False
        return await self._database.write(PLATFORM, lambda tx: people.step_tx(tx, account.id, step))

    async def _use_recovery(self, account: str, code: str) -> bool:
        digest = codes.recovery_digest(code)
        return await self._database.write(PLATFORM, lambda tx: people.use_code_tx(tx, account, digest))

    async def recovery(self, sign_in: str, password: str, code: str, visitor: Visitor) -> tuple[Account, How]:
        """The account whose recovery code this is, and whose password, where it has one. Wrong, or TooManyRequests.

        Without a password set, the code alone stands in for the passkeys.
        """
        name = sign_in_of(sign_in)
        await self._tries.take("password", name, visitor.address)
        account = await self._database.read(PLATFORM, lambda tx: people.by_sign_in_tx(tx, name), quick=True)
        fits = await self._passwords.fits("" if account is None else account.password, password)
        good = account is not None and not account.disabled_at and (fits or not account.password)
        used = await self._use_recovery(account.id if account is not None and good else "", code)
        if account is None or not used:
            raise Wrong(WRONG)
        await self._tries.forgive("password", name, visitor.address)
        return account, "password+recovery" if account.password else "recovery"

    # --- a log-in half done --------------------------------------------------------------------------------

    async def half(self, account: Account) -> str:
        """A token that stands for "the password was right" while the code is looked up."""
        return await self.keep("code", account.id, "", CODE_TRIES)

    async def other_half(self, token: str, code: str, visitor: Visitor) -> tuple[Account, How]:
        """The account whose log-in is now whole. Wrong; and after a few wrong codes the password is asked for anew."""
        digest, now = digest_of(token), times.micros(self._clock.now())
        found = await self._database.write(PLATFORM, lambda tx: store.try_pending_tx(tx, digest, "code", now))
        account = None if found is None else await self.account(found.account)
        if account is None or account.disabled_at:
            raise Wrong("this took too long or went wrong too often; begin again")
        how = await self.code(account, code, visitor)
        await self._database.write(PLATFORM, lambda tx: store.take_pending_tx(tx, digest, "code", now))
        return account, how

    # --- passkeys ---------------------------------------------------------------------------------------------

    async def question(self, visitor: Visitor) -> tuple[str, str]:
        """A token and the options with which a browser asks for a passkey."""
        challenge, options = passkeys.request(visitor)
        return await self.keep("assert", "", challenge), options

    async def passkey(self, token: str, answer_text: str, visitor: Visitor) -> Account:
        """The account whose passkey answered. Wrong, or BadRequestData for what is no answer."""
        answer = passkeys.answer_of(answer_text)
        waiting = await self.taken(token, "assert")
        key = await self._database.read(PLATFORM, lambda tx: people.passkey_tx(tx, str(answer["id"])), quick=True)
        account = None if key is None else await self.account(key.account)
        if key is None or account is None or account.disabled_at:
            raise Wrong("this passkey is not known here")
        counter = passkeys.counted(answer, waiting.data, key, visitor)
        now = times.micros(self._clock.now())
        before = key.counter

        async def work(tx: Tx) -> bool:
            return await people.used_passkey_tx(tx, key.id, before, counter, now)

        if not await self._database.write(PLATFORM, work):
            raise Wrong("this passkey was used twice at once")
        return account

    # --- what waits -------------------------------------------------------------------------------------------

    async def keep(self, kind: str, account: str, data: str, tries: int = 1) -> str:
        """Keeps something for a few minutes; the token under which it is found."""
        token, now = new_secret(), times.micros(self._clock.now())
        until = now + int(self._numbers.pending * _SECOND)
        await self._database.write(
            PLATFORM,
            lambda tx: store.put_pending_tx(tx, digest_of(token), kind, account, data, tries, now, until),
        )
        return token

    async def taken(self, token: str, kind: str, account: str = "") -> store.Pending:
        """What was kept, once. Wrong where it is gone, or another's."""
        now = times.micros(self._clock.now())
        found = await self._database.write(PLATFORM, lambda tx: store.take_pending_tx(tx, digest_of(token), kind, now))
        if found is None or found.account != account:
            raise Wrong("this took too long; begin again")
        return found

    async def peek(self, token: str, kind: str, account: str) -> store.Pending:
        """As taken, but it is left there, for a mistyped code."""
        now = times.micros(self._clock.now())
        found = await self._database.write(PLATFORM, lambda tx: store.try_pending_tx(tx, digest_of(token), kind, now))
        if found is None or found.account != account:
            raise Wrong("this took too long; begin again")
        return found

    async def account(self, account: str) -> Account | None:
        """The account of this id."""
        return await self._database.read(PLATFORM, lambda tx: people.account_tx(tx, account), quick=True)


def totp_purpose(account: str) -> str:
    """What a sealed secret of one-time codes is sealed for."""
    return f"totp:{account}"
