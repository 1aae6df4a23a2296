"""Users, a clock and a password check under the tests' control."""

import time

import pytest

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.basic import PasswordChecker
from llmwrap.auth.jwt_tokens import SessionTokens
from llmwrap.auth.keys import KeyOrder, create_key
from llmwrap.auth.users import PredefinedUsers
from llmwrap.storage import users as stored
from tests.auth.making import (
    SIGNING_KEY,
    USERS,
    FakeCheck,
    FakeClock,
    Shelf,
    make_sources,
)
from tests.databases import database, migrated

__all__ = ["database", "migrated"]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def check():
    return FakeCheck()


@pytest.fixture
def users():
    return PredefinedUsers(USERS)


@pytest.fixture
def passwords(check, clock):
    return PasswordChecker("fake$decoy$", check=check, clock=clock)


@pytest.fixture
def tokens(clock):
    return SessionTokens(SIGNING_KEY, 3600, 3600, clock)


@pytest.fixture(scope="session")
def empty_database(migrated):
    """A database with nothing in it, for tests that write nothing."""
    return migrated("sqlite")


@pytest.fixture
def sources(empty_database, clock, check):
    """Over a database in which nobody is."""
    return make_sources(empty_database, clock=clock, check=check)


@pytest.fixture
def identifier(sources):
    return Identifier(sources)


@pytest.fixture
def shelf(database):
    """A database of either engine, empty at first, which a test can take away."""
    return Shelf(database)


@pytest.fixture
def wall_clock():
    """Starts at the true time, for what the database dates itself."""
    return FakeClock(time.time())


@pytest.fixture
def here(shelf, wall_clock):
    return make_sources(shelf, clock=wall_clock)


@pytest.fixture
def there(shelf, wall_clock):
    """Another worker over the same database."""
    return make_sources(shelf, clock=wall_clock)


@pytest.fixture
def bea(shelf):
    with shelf.writing() as session:
        return stored.add_user(
            session,
            username="bea",
            password_hash="fake$salt$secret",
            groups=("user",),
        )


@pytest.fixture
def key(here, bea):
    """A key of bea: (stored, secret)."""
    order = KeyOrder("laptop")
    return create_key(
        here.accounts.reach, here.pepper, here.settings.auth, bea.id, order
    )
