"""The door of the room: accounts, logging in, and what a person changes of their own.

Whoever changes a credential must have proved themselves within the last minutes (ProofNeeded otherwise). A changed
password ends every log-in of the account.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from argon2 import PasswordHasher

from kumihimo.base import times
from kumihimo.base.call import Caller
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AlreadyExists, Forbidden, ResourceNotFound
from kumihimo.base.ports import Credentials
from kumihimo.platform.identity import codes, passkeys
from kumihimo.platform.identity.logins import Ended, Logins, cookie_name
from kumihimo.platform.identity.models import (
    MAX_PASSKEYS,
    Account,
    Half,
    How,
    LinkGone,
    Login,
    Mine,
    NotTaken,
    Numbers,
    Opened,
    Passkey,
    Person,
    Visitor,
    Wrong,
    check_email,
    check_lang,
    check_name,
    check_sign_in,
    digest_of,
    new_account_id,
    new_secret,
    sign_in_of,
)
from kumihimo.platform.identity.passwords import Passwords, check_password, owasp_hasher
from kumihimo.platform.identity.proofs import Proofs, totp_purpose
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.identity.store import accounts as people
from kumihimo.platform.identity.store import logins as store
from kumihimo.platform.identity.tries import Tries
from kumihimo.storage.database import PLATFORM, Database, Tx

__all__ = ["Identity", "MakeOperator", "cookie_name"]

log = logging.getLogger(__name__)
MakeOperator = Callable[[str], Awaitable[None]]
_SECOND = 1_000_000


async def nobody(_: str) -> None:
    """Nobody has to hear of it."""


class Identity:
    """Everything about people.

    make_operator: makes the account with this id an operator of the platform; that is kept elsewhere. ended is told of
    every log-in that is ended, turned of each account that was shut or opened, after the commit.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        seal: Seal,
        make_operator: MakeOperator,
        *,
        numbers: Numbers | None = None,
        ended: Ended = lambda _: None,
        hasher: PasswordHasher | None = None,
        turned: Callable[[str], Awaitable[None]] = nobody,
    ) -> None:
        self.numbers = numbers or Numbers()
        self._database = database
        self._clock = clock
        self._seal = seal
        self._make_operator = make_operator
        self._turned = turned
        self._passwords = Passwords(hasher or owasp_hasher())
        self.logins = Logins(database, clock, self.numbers, ended)
        self.proofs = Proofs(database, clock, seal, self._passwords, Tries(database, clock), self.numbers)

    # --- for the rooms above -------------------------------------------------------------------------------

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """As base.ports.Authenticate: the person whose log-in's cookie the request shows."""
        return await self.logins.authenticate(credentials)

    async def is_live(self, login: str) -> bool:
        """Whether the log-in of this id stands."""
        return await self.logins.is_live(login)

    async def login(self, login: str) -> Login | None:
        """The log-in of this id, None where it is over."""
        return await self.logins.standing(login)

    async def person(self, account: str) -> Person | None:
        """Who has this account; None where nobody has, or it is disabled."""
        found = await self.proofs.account(account)
        if found is None or found.disabled_at:
            return None
        return Person(found.id, found.sign_in, found.name, found.email, found.lang, found.updated_at)

    async def log_in(self, account: str, how: How, address: str, device: str = "") -> str:
        """The cookie of a new log-in, for who was proved elsewhere. ResourceNotFound without such an account."""
        return (await self._open(await self._known(account), how, Visitor(address, device))).cookie

    async def make_operator(self, account: str) -> None:
        """The account operates the platform from now on, wherever that is kept. ResourceNotFound."""
        await self._make_operator((await self._known(account)).id)

    # --- accounts, as an operator keeps them -------------------------------------------------------------------

    async def is_empty(self) -> bool:
        """Whether nobody has an account yet."""
        return not await self._database.read(PLATFORM, people.any_tx)

    async def accounts(self) -> list[Account]:
        """Accounts by sign-in name."""
        return await self._database.read(PLATFORM, people.all_tx)

    async def named(self, sign_in: str) -> Account:
        """The account of this sign-in name. ResourceNotFound where there is none."""
        name = sign_in_of(sign_in)
        found = await self._database.read(PLATFORM, lambda tx: people.by_sign_in_tx(tx, name))
        if found is None:
            raise ResourceNotFound(f"there is no account {sign_in[:64]!r}")
        return found

    async def add(self, sign_in: str, name: str, *, email: str = "", lang: str = "ja", id_: str = "") -> Account:
        """A new account, into which only a link leads so far; id_: one of its own, for whom the platform itself makes
        up. AlreadyExists, BadRequestData.
        """
        account = self._new(sign_in, name, email, lang)
        account = replace(account, id=id_ or account.id)
        if not await self._database.write(PLATFORM, lambda tx: people.insert_tx(tx, account)):
            raise AlreadyExists(f"there is an account {account.sign_in!r} already")
        return account

    async def disable(self, account: str, *, disabled: bool = True) -> None:
        """The account may log in no more, and is logged out; or it may again."""
        now = self._now()
        if not await self._database.write(
            PLATFORM, lambda tx: people.disable_tx(tx, account, now if disabled else 0, now)
        ):
            raise ResourceNotFound("there is no such account")
        if disabled:
            await self.logins.end_all(account)
        await self._turned(account)

    async def is_shut(self, account: str) -> bool:
        """Whether there is this account and it may not log in."""
        found = await self._database.read(PLATFORM, lambda tx: people.account_tx(tx, account), quick=True)
        return found is not None and bool(found.disabled_at)

    async def link(self, account: str = "") -> str:
        """The token of a one-time link into the account; "" for the first administrator, while there is no account.

        The one before it is good no more.
        """
        if not account and not await self.is_empty():
            said = (
                "somebody has an account already, and this link is for a platform on which nobody has; where nobody"
                " operates it, `kumihimo account add NAME --operator` or `kumihimo member add NAME --role operator`"
                " makes somebody do so"
            )
            raise Forbidden(said)
        token = new_secret()
        seconds = self.numbers.link if account else self.numbers.first_link
        until = self._now() + int(seconds * _SECOND)
        await self._database.write(PLATFORM, lambda tx: store.put_link_tx(tx, digest_of(token), account, until))
        return token

    # --- behind a one-time link ------------------------------------------------------------------------------

    async def linked(self, token: str) -> Account | None:
        """Whose link it is, None for the first administrator's. LinkGone where it is good no more."""
        now = self._now()
        found = await self._database.read(PLATFORM, lambda tx: store.link_tx(tx, digest_of(token), now), quick=True)
        if found is None or (not found and not await self.is_empty()):
            raise LinkGone("this link was used, is too old, or a newer one was made")
        return await self._known(found) if found else None

    async def welcome(self, token: str, sign_in: str, name: str, lang: str, password: str, visitor: Visitor) -> Opened:
        """Uses the link up with a password: of the first administrator, or a new one of the account that it leads to.

        Every other log-in of the account ends. LinkGone, BadRequestData.
        """
        known = await self.linked(token)
        account = known or self._new(sign_in, name, "", lang)
        good = check_password(password, account.sign_in)
        account = replace(account, password=await self._passwords.hashed(good), password_at=self._now())
        await self._arrive(token, account, None, is_first=known is None)
        return await self._open(account, "link", visitor)

    async def welcome_question(
        self, token: str, sign_in: str, name: str, lang: str, visitor: Visitor
    ) -> tuple[str, str]:
        """A token and the options with which a browser makes a passkey behind the link. LinkGone, BadRequestData."""
        known = await self.linked(token)
        account = known or self._new(sign_in, name, "", lang)
        challenge, options = passkeys.creation(account.id, account.sign_in, account.name, [], visitor)
        data = f"{challenge}\n{account.id}\n{account.sign_in}\n{account.name}\n{account.lang}"
        return await self.proofs.keep("welcome", digest_of(token), data), options

    async def welcome_passkey(self, token: str, question: str, answer: str, visitor: Visitor) -> Opened:
        """Uses the link up with a passkey. LinkGone, Wrong, BadRequestData."""
        known = await self.linked(token)
        waiting = await self.proofs.taken(question, "welcome", digest_of(token))
        challenge, account_id, sign_in, name, lang = waiting.data.split("\n")
        account = known or replace(self._new(sign_in, name, "", lang), id=account_id)
        key = self._key(account.id, "", passkeys.made(passkeys.answer_of(answer), challenge, visitor))
        await self._arrive(token, account, key, is_first=known is None)
        return await self._open(account, "link", visitor)

    async def _arrive(self, token: str, account: Account, key: Passkey | None, *, is_first: bool) -> None:
        """Uses the link up and keeps what was made behind it, all or nothing."""
        if is_first:
            # Before the account: without it this is a row about nobody, and the link is still good for another go.
            await self._make_operator(account.id)
        now, digest = self._now(), digest_of(token)

        async def work(tx: Tx) -> list[str]:
            if not await store.use_link_tx(tx, digest, now):
                raise LinkGone("this link was used, is too old, or a newer one was made")
            if is_first and (await people.any_tx(tx) or not await people.insert_tx(tx, account)):
                raise LinkGone("there is an administrator already")
            if not is_first and key is None:
                await people.password_tx(tx, account.id, account.password, now)
            if key is not None and not await people.add_passkey_tx(tx, key):
                raise AlreadyExists("this passkey is known already")
            return await store.end_all_tx(tx, account.id)

        self.logins.tell(await self._database.write(PLATFORM, work))
        log.info("a one-time link was used", extra={"account": account.id, "first": is_first})

    # --- logging in ----------------------------------------------------------------------------------------

    async def by_password(self, sign_in: str, password: str, visitor: Visitor) -> Opened | Half:
        """A log-in, or half of one where the account has an app for codes. Wrong, TooManyRequests."""
        account = await self.proofs.password(sign_in, password, visitor)
        if account.totp:
            return Half(await self.proofs.half(account))
        return await self._open(account, "password", visitor)

    async def by_code(self, half: str, code: str, visitor: Visitor) -> Opened:
        """The other half. Wrong, TooManyRequests."""
        account, how = await self.proofs.other_half(half, code, visitor)
        return await self._open(account, how, visitor)

    async def by_recovery(self, sign_in: str, password: str, code: str, visitor: Visitor) -> Opened:
        """A log-in by a recovery code. Wrong, TooManyRequests."""
        account, how = await self.proofs.recovery(sign_in, password, code, visitor)
        return await self._open(account, how, visitor)

    async def by_passkey(self, question: str, answer: str, visitor: Visitor) -> Opened:
        """A log-in by a passkey. Wrong, BadRequestData."""
        return await self._open(await self.proofs.passkey(question, answer, visitor), "passkey", visitor)

    async def prove_by_password(self, caller: Caller, password: str, code: str, visitor: Visitor) -> None:
        """A fresh proof of who is logged in: the password, and a code where there is an app. Wrong, TooManyRequests."""
        account = await self._known(caller.actor.id)
        found = await self.proofs.password(account.sign_in, password, visitor)
        if found.totp:
            await self.proofs.code(found, code, visitor)
        await self.logins.prove(caller.login)

    async def prove_by_passkey(self, caller: Caller, question: str, answer: str, visitor: Visitor) -> None:
        """The same by a passkey of theirs."""
        if (await self.proofs.passkey(question, answer, visitor)).id != caller.actor.id:
            raise Wrong("this passkey is another's")
        await self.logins.prove(caller.login)

    async def _open(self, account: Account, how: How, visitor: Visitor) -> Opened:
        opened = await self.logins.open(account, how, visitor)
        log.info("logged in", extra={"account": account.id, "how": how})
        return opened

    # --- one's own -----------------------------------------------------------------------------------------

    async def mine(self, account: str) -> Mine:
        """Everything of one's own account."""
        known = await self._known(account)
        keys = await self._database.read(PLATFORM, lambda tx: people.passkeys_tx(tx, account))
        left = await self._database.read(PLATFORM, lambda tx: people.codes_left_tx(tx, account))
        return Mine(known, keys, left, await self.logins.of(account))

    async def describe(self, account: str, name: str, email: str, lang: str) -> None:
        """How one is called and spoken to. BadRequestData."""
        given = (check_name(name), check_email(email), check_lang(lang))
        now = self._now()
        await self._database.write(PLATFORM, lambda tx: people.describe_tx(tx, account, *given, now))

    async def set_password(self, caller: Caller, password: str, visitor: Visitor) -> Opened:
        """A new password; all log-ins end, and this is the one that goes on. ProofNeeded, BadRequestData."""
        await self.logins.check_fresh(caller.login)
        account = await self._known(caller.actor.id)
        kept, now = await self._passwords.hashed(check_password(password, account.sign_in)), self._now()

        async def work(tx: Tx) -> list[str]:
            await people.password_tx(tx, account.id, kept, now)
            return await store.end_all_tx(tx, account.id)

        self.logins.tell(await self._database.write(PLATFORM, work))
        log.info("a password was changed", extra={"account": account.id})
        return await self._open(account, "password", visitor)

    async def begin_totp(self, caller: Caller) -> str:
        """A token for an app that is to be set up. ProofNeeded."""
        await self.logins.check_fresh(caller.login)
        account = caller.actor.id
        sealed = self._seal.seal(totp_purpose(account), codes.new_totp().encode())
        return await self.proofs.keep("totp", account, sealed, tries=20)

    async def show_totp(self, caller: Caller, token: str) -> tuple[str, str]:
        """The secret in letters, and as the address for a QR code. Wrong where the token is none."""
        account = await self._known(caller.actor.id)
        waiting = await self.proofs.peek(token, "totp", account.id)
        secret = self._seal.unseal(totp_purpose(account.id), waiting.data).decode()
        return secret, codes.totp_address(secret, account.sign_in)

    async def finish_totp(self, caller: Caller, token: str, code: str) -> None:
        """The app is set up, once it shows a right code. ProofNeeded, NotTaken for a wrong code."""
        await self.logins.check_fresh(caller.login)
        account = caller.actor.id
        waiting = await self.proofs.peek(token, "totp", account)
        secret = self._seal.unseal(totp_purpose(account), waiting.data).decode()
        step = codes.step_of(secret, codes.tidy(code), self._clock.now(), 0)
        if step is None:
            raise NotTaken("this is not the code that the app shows now", "code")
        await self.proofs.taken(token, "totp", account)
        await self._database.write(PLATFORM, lambda tx: people.totp_tx(tx, account, waiting.data, step))

    async def drop_totp(self, caller: Caller) -> None:
        """No codes of an app any more. ProofNeeded."""
        await self.logins.check_fresh(caller.login)
        await self._database.write(PLATFORM, lambda tx: people.totp_tx(tx, caller.actor.id, "", 0))

    async def new_codes(self, caller: Caller) -> list[str]:
        """New recovery codes, which are shown this once; the old ones are good no more. ProofNeeded."""
        await self.logins.check_fresh(caller.login)
        made = codes.new_recovery()
        digests = [codes.recovery_digest(one) for one in made]
        await self._database.write(PLATFORM, lambda tx: people.put_codes_tx(tx, caller.actor.id, digests))
        return made

    async def begin_passkey(self, caller: Caller, visitor: Visitor) -> tuple[str, str]:
        """A token and the options with which a browser makes a passkey. ProofNeeded."""
        await self.logins.check_fresh(caller.login)
        account = await self._known(caller.actor.id)
        known = await self._database.read(PLATFORM, lambda tx: people.passkeys_tx(tx, account.id))
        if len(known) >= MAX_PASSKEYS:
            raise Forbidden(f"an account has at most {MAX_PASSKEYS} passkeys; take one away first")
        challenge, options = passkeys.creation(account.id, account.sign_in, account.name, known, visitor)
        return await self.proofs.keep("enrol", account.id, challenge), options

    async def finish_passkey(self, caller: Caller, question: str, answer: str, name: str, visitor: Visitor) -> None:
        """Keeps the passkey that the browser made. ProofNeeded, Wrong, BadRequestData, AlreadyExists."""
        await self.logins.check_fresh(caller.login)
        account = caller.actor.id
        challenge = (await self.proofs.taken(question, "enrol", account)).data
        key = self._key(account, name, passkeys.made(passkeys.answer_of(answer), challenge, visitor))

        async def work(tx: Tx) -> bool:
            is_room = len(await people.passkeys_tx(tx, account)) < MAX_PASSKEYS
            return is_room and await people.add_passkey_tx(tx, key)

        if not await self._database.write(PLATFORM, work):
            raise AlreadyExists("this passkey is known already")

    async def rename_passkey(self, caller: Caller, key: str, name: str) -> None:
        """Calls a passkey something else. NotTaken, ResourceNotFound."""
        shown, account = check_name(name, "a passkey's name"), caller.actor.id
        if not await self._database.write(PLATFORM, lambda tx: people.rename_passkey_tx(tx, account, key, shown)):
            raise ResourceNotFound("there is no such passkey any more")

    async def drop_passkey(self, caller: Caller, key: str) -> None:
        """Takes a passkey away, but not the last thing that one could log in with. ProofNeeded, Forbidden."""
        await self.logins.check_fresh(caller.login)
        account = caller.actor.id

        async def work(tx: Tx) -> None:
            known = await people.account_tx(tx, account)
            if known is not None and not known.password and len(await people.passkeys_tx(tx, account)) == 1:
                raise Forbidden("this is all that you can log in with; set a password or add another passkey first")
            if not await people.drop_passkey_tx(tx, account, key):
                raise ResourceNotFound("there is no such passkey any more")

        await self._database.write(PLATFORM, work)

    # --- pieces --------------------------------------------------------------------------------------------

    async def _known(self, account: str) -> Account:
        found = await self.proofs.account(account)
        if found is None:
            raise ResourceNotFound("there is no such account")
        return found

    def _new(self, sign_in: str, name: str, email: str, lang: str) -> Account:
        now = self._now()
        given = (check_sign_in(sign_in), check_name(name), check_email(email), check_lang(lang))
        return Account(new_account_id(), *given, made_at=now, updated_at=now)

    def _key(self, account: str, name: str, made: tuple[str, str, int]) -> Passkey:
        now = self._now()
        shown = check_name(name, "a passkey's name") if name else str(self._clock.now().astimezone(times.JST).date())
        return Passkey(made[0], account, made[1], made[2], shown, now, now)

    def _now(self) -> int:
        return times.micros(self._clock.now())
