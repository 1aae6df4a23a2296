"""Users, a clock and a password check under the tests' control."""

import pytest

from llmwrap.auth.authenticators import CredentialSources, Identifier
from llmwrap.auth.basic import PasswordChecker
from llmwrap.auth.jwt_tokens import SessionTokens
from llmwrap.auth.users import PredefinedUsers
from llmwrap.settings.values import Auth, Settings, User

USERS = (
    User("alice", "fake$salt$wonderland", "Alice@Example.com", ("user",)),
    User("zoë", "fake$salt$pa:ss wörd", "", ("researcher",)),
    User("mallory", "fake$salt$let-me-in", "mallory@example.com", ("user", "blocked")),
)


class FakeClock:
    """Unix seconds that move when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class FakeCheck:
    """Stands for the password hash: the third part of a stored hash is the password."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def __call__(self, stored: str, password: str) -> bool:
        self.calls.append((stored, password))
        return stored.split("$")[2] == password


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
    return SessionTokens(b"k" * 32, 3600, clock)


@pytest.fixture
def sources(users, passwords, tokens):
    settings = Settings(users=USERS, auth=Auth(api_key="sk-shared"))
    return CredentialSources(settings, users, passwords, tokens)


@pytest.fixture
def identifier(sources):
    return Identifier(sources)
