"""Making what authentication is made of, over a real database and a clock that tests move."""

import time

from limits.strategies import FixedWindowRateLimiter

from llmwrap.auth.accounts import Accounts
from llmwrap.auth.api_keys import ApiKeys
from llmwrap.auth.audit import Trail, Visit
from llmwrap.auth.authenticators import CredentialSources, Identifier
from llmwrap.auth.basic import PasswordChecker
from llmwrap.auth.circuit import Circuit
from llmwrap.auth.counters import MemoryCounters
from llmwrap.auth.credentials import Credentials
from llmwrap.auth.jwt_tokens import SessionTokens
from llmwrap.auth.last_use import LastUse
from llmwrap.auth.pepper import Pepper
from llmwrap.auth.throttle import LoginThrottle
from llmwrap.errors import Unauthenticated
from llmwrap.settings.values import Auth, Guest, Settings, User
from llmwrap.storage import users as stored
from llmwrap.storage.reach import Reach

SIGNING_KEY = b"k" * 32

USERS = (
    User("alice", "fake$salt$wonderland", "Alice@Example.com", ("user",)),
    User("zoë", "fake$salt$pa:ss wörd", "", ("researcher",)),
    User("mallory", "fake$salt$let-me-in", "mallory@example.com", ("user", "blocked")),
)
ALICE = "usr_2bd806c97f0e00af1a1fc332"

VISIT = Visit("10.0.0.9", "tests/1", "req-1")


class FakeClock:
    """Unix seconds that move when told."""

    def __init__(self, now=1_800_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


class FakeCheck:
    """Stands for the password hash: the third part of a stored hash is the password."""

    def __init__(self):
        self.calls = []

    def __call__(self, stored, password):
        self.calls.append((stored, password))
        return stored.split("$")[2] == password


def fake_hash(password, method):
    """The hash that FakeCheck takes for that of `password`."""
    return f"fake${method.partition(':')[0]}${password}"


class Shelf:
    """A real database whose readings are counted, and which can be taken away."""

    def __init__(self, database):
        self._database = database
        self.away = None
        self.readings = 0

    def reading(self):
        self.readings += 1
        if self.away:
            raise self.away
        return self._database.reading()

    def writing(self):
        if self.away:
            raise self.away
        return self._database.writing()


def settings_with(*, users=USERS, guest=True, **auth):
    """Settings with `users`, the shared key and guests."""
    auth.setdefault("api_key", "sk-shared")
    return Settings(users=users, auth=Auth(guest=Guest(enabled=guest), **auth))


def make_throttle(clock):
    """A throttle that counts in this process, under the clock of a test."""
    counters = MemoryCounters(clock=clock)
    limiter = FixedWindowRateLimiter(counters)
    return LoginThrottle(limiter, counters, Circuit(counters.check), clock)


def make_sources(
    database,
    settings=None,
    *,
    clock=None,
    check=None,
    oidc=None,
    signing_key=SIGNING_KEY,
):
    """The sources of one worker; several over one database are several workers."""
    settings = settings or settings_with()
    clock = clock or FakeClock(time.time())
    reach, pepper = Reach(database), Pepper(signing_key)
    accounts, last_use = Accounts(settings, reach, clock), LastUse(reach, clock)
    auth, throttle = settings.auth, make_throttle(clock)
    return CredentialSources(
        settings=settings,
        accounts=accounts,
        passwords=PasswordChecker(
            "fake$decoy$",
            throttle=throttle,
            check=check or FakeCheck(),
            make=fake_hash,
            clock=clock,
        ),
        tokens=SessionTokens(signing_key, 3600, auth.guest.token_ttl_s, clock),
        pepper=pepper,
        api_keys=ApiKeys(accounts, pepper, last_use, auth.api_key, clock),
        last_use=last_use,
        trail=Trail(reach),
        throttle=throttle,
        oidc=oidc,
    )


BEAS_PASSWORD = Credentials("Basic YmVhOnNlY3JldA==")
"""The password that the fixture `bea` has."""


def bearer(value):
    return Credentials(f"Bearer {value}")


def is_good(sources, credentials):
    try:
        Identifier(sources).identify(credentials)
    except Unauthenticated:
        return False
    return True


def lose_access(shelf, user, how):
    with shelf.writing() as session:
        if how == "blocked":
            stored.add_group(session, user.id, "blocked")
        elif how == "disabled":
            stored.set_status(session, user.id, "disabled")
        elif how == "deleted":
            stored.delete_user(session, user.id)
        else:
            stored.set_password(session, user.id, "fake$salt$other")
