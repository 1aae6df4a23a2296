"""API keys of users: made once, found by their hash, narrowed by scopes, ended."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.credentials import Credentials
from llmwrap.auth.keys import KeyOrder, create_key, shown, status_of
from llmwrap.errors import InvalidRequest, StorageUnavailable
from llmwrap.storage import users as stored
from llmwrap.storage.api_keys import add_key, key_by_hash, key_by_id, revoke_key
from tests.auth.making import FakeClock, make_sources, settings_with


@pytest.fixture
def clock():
    return FakeClock(time.time())


@pytest.fixture
def sources(shelf, clock):
    return make_sources(shelf, settings_with(api_keys_per_user=3), clock=clock)


@pytest.fixture
def bea(shelf):
    with shelf.writing() as session:
        return stored.add_user(
            session, username="bea", email="bea@example.com", groups=("user",)
        )


@pytest.fixture
def order(sources, bea):
    """Makes a key of bea: (stored, secret)."""

    def make(name="laptop", **fields):
        return create_key(
            sources.accounts.reach,
            sources.pepper,
            sources.settings.auth,
            bea.id,
            KeyOrder(name, **fields),
        )

    return make


def test_a_key_stands_for_its_user(sources, bea, order):
    key, secret = order()
    principal = sources.api_keys.find(secret)
    assert (principal.id, principal.kind, principal.name) == (bea.id, "api_key", "bea")
    assert principal.key_id == key.id
    assert principal.groups == frozenset({"user"})
    assert (principal.models, principal.services, principal.rate) == ((), None, "")
    assert principal.token_version is None


def test_the_key_itself_is_not_in_the_database(sources, shelf, order):
    key, secret = order()
    with shelf.reading() as session:
        assert key_by_hash(session, secret) is None
        assert key_by_hash(session, sources.pepper.hash(secret))[0] == key
    assert (key.prefix, key.suffix) == ("sk_live_", secret[-4:])
    assert shown(key) == f"sk_live_...{secret[-4:]}"
    assert secret[8:-8] not in repr(key)


def test_a_key_lives_90_days_unless_told_otherwise(sources, clock, order):
    key, secret = order()
    life = key.expires_at - key.created_at
    assert abs(life.total_seconds() - 7_776_000) < 5
    clock.now += 7_776_000 - 5
    assert sources.api_keys.find(secret)
    clock.now += 10
    assert sources.api_keys.find(secret) is None
    assert status_of(key, datetime.fromtimestamp(clock.now, UTC)) == "expired"


def test_a_key_that_is_remembered_does_not_outlive_its_end(sources, clock, order):
    _, secret = order(expires_in_s=3)
    assert sources.api_keys.find(secret)
    clock.now += 4
    assert sources.api_keys.find(secret) is None


@pytest.mark.parametrize("life_s", [0, -1, 7_776_001])
def test_a_life_that_is_too_long_is_refused(order, life_s):
    with pytest.raises(InvalidRequest) as refused:
        order(expires_in_s=life_s)
    assert refused.value.param == "expires_in"


def test_scopes_and_rate_reach_the_principal(sources, order):
    scopes = {"services": ("chat", "v1"), "models": ("Mistral-*", "tiny")}
    _, secret = order(scopes=scopes, rate="5/minute")
    principal = sources.api_keys.find(secret)
    assert principal.services == frozenset({"chat", "v1"})
    assert principal.models == (("Mistral-*", "tiny"),)
    assert principal.rate == "5/minute"
    assert not principal.may_use_service("code")
    assert not principal.may_use_model("Devstral")


def test_a_key_narrows_what_the_groups_allow(shelf, bea):
    settings = settings_with(group_models={"user": ("a*", "b")})
    sources = make_sources(shelf, settings)
    _, secret = create_key(
        sources.accounts.reach,
        sources.pepper,
        settings.auth,
        bea.id,
        KeyOrder("x", scopes={"models": ("*1", "c")}),
    )
    principal = sources.api_keys.find(secret)
    assert principal.may_use_model("a1")
    assert not principal.may_use_model("a2")
    assert not principal.may_use_model("c")


def test_there_are_so_many_active_keys_and_no_more(sources, shelf, bea, order):
    keys = [order()[0] for _ in range(3)]
    with pytest.raises(InvalidRequest, match=r"^there are 3 active keys already"):
        order()
    with shelf.writing() as session:
        revoke_key(session, keys[0].id, user_id=bea.id, now=datetime.now(UTC))
    assert order()


def test_the_limit_holds_for_who_comes_in_threads(order):
    together = threading.Barrier(6)

    def make(_):
        together.wait(10)
        try:
            return order()
        except InvalidRequest:
            return None

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(make, range(6)))
    assert sum(one is not None for one in made) == 3


def test_a_key_is_found_whatever_it_begins_with(sources, shelf, bea):
    """Keys may come from elsewhere: what counts is the hash."""
    with shelf.writing() as session:
        add_key(
            session,
            user_id=bea.id,
            name="old",
            key_hash=sources.pepper.hash("sk-0123456789abcdef"),
            prefix="sk-",
            suffix="cdef",
            scopes=None,
            expires_at=None,
        )
    principal = sources.api_keys.find("sk-0123456789abcdef")
    assert (principal.id, principal.expires_at) == (bea.id, 0)


def test_a_key_is_looked_up_once_in_5_s(sources, shelf, clock, order):
    _, secret = order()
    before = shelf.readings
    for _ in range(10):
        assert sources.api_keys.find(secret)
    assert shelf.readings == before + 1
    clock.now += 5
    assert sources.api_keys.find(secret)
    assert shelf.readings == before + 2


def test_a_guess_in_our_form_costs_no_look_up(sources, shelf, order):
    _, secret = order()
    before = shelf.readings
    for place in range(8, 56):
        digit = "0" if secret[place] != "0" else "1"
        guess = secret[:place] + digit + secret[place + 1 :]
        assert sources.api_keys.find(guess) is None
    assert shelf.readings == before


def test_a_key_in_use_survives_the_database_for_60_s(sources, shelf, clock, order):
    _, secret = order()
    assert sources.api_keys.find(secret)
    shelf.away = StorageUnavailable("away")
    clock.now += 59
    assert sources.api_keys.find(secret)
    clock.now += 2
    with pytest.raises(StorageUnavailable):
        sources.api_keys.find(secret)


def test_a_key_that_nobody_used_is_unavailable_not_unknown(sources, shelf, order):
    _, secret = order()
    shelf.away = StorageUnavailable("away")
    with pytest.raises(StorageUnavailable):
        sources.api_keys.find(secret)
    assert sources.api_keys.find("sk-shared").name == "api_key"


def test_the_last_use_is_noted_and_written_later(sources, shelf, clock, order):
    key, secret = order()
    sources.api_keys.find(secret)
    with shelf.reading() as session:
        assert key_by_id(session, key.id).last_used_at is None
    sources.last_use.flush()
    first = last_used(shelf, key)
    assert abs(first - clock.now) < 1
    clock.now += 59
    sources.api_keys.find(secret)
    sources.last_use.flush()
    assert last_used(shelf, key) == first
    clock.now += 2
    sources.api_keys.find(secret)
    sources.last_use.flush()
    assert abs(last_used(shelf, key) - clock.now) < 1


def last_used(shelf, key):
    with shelf.reading() as session:
        return key_by_id(session, key.id).last_used_at.timestamp()


def test_a_key_of_another_signing_key_is_nobodys(sources, shelf, order):
    _, secret = order()
    other = make_sources(shelf, settings_with(), signing_key=b"K" * 32)
    assert other.api_keys.find(secret) is None


def test_a_limited_key_beside_another_credential_keeps_its_limits(sources, bea, order):
    _, secret = order(scopes={"models": ("tiny",)})
    session, _ = sources.tokens.issue(sources.accounts.by_id(bea.id))
    for credentials in (
        Credentials(f"Bearer {session}", (secret,)),
        Credentials(f"Bearer {secret}", (session,)),
    ):
        principal = Identifier(sources).identify(credentials)
        assert principal.models == (("tiny",),)
