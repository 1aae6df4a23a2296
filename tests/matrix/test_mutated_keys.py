"""Keys that are nearly good are refused, as many as one likes (contract of API keys, row 70).

In-process, over a real database with the good keys in it. A million take two minutes and more of a
processor of 2026; LLMWRAP_TEST_MUTATED_KEYS=1000000 asks for them, the usual run for fewer.
"""

import os
import random
import secrets
from collections.abc import Callable, Iterator

import pytest

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.credentials import Credentials
from llmwrap.auth.keys import KeyOrder, create_key
from llmwrap.auth.pepper import PREFIX
from llmwrap.errors import Unauthenticated
from llmwrap.storage.engine import Database
from llmwrap.storage.users import add_user
from tests.auth.making import make_sources, settings_with

COUNT = "LLMWRAP_TEST_MUTATED_KEYS"
KEYS = 50
HEX = "0123456789abcdef"
ODD = "é٣０𝟎ａ\u200b\u202e\x00\udc80 \t\n,;%="
"""Letters that some reader takes for others, or for none."""

Mutation = Callable[[random.Random, str], str]


def _at(chance: random.Random, key: str) -> int:
    return chance.randrange(len(key))


def flip(chance: random.Random, key: str) -> str:
    """One bit of one letter."""
    at = _at(chance, key)
    return key[:at] + chr(ord(key[at]) ^ 1 << chance.randrange(7)) + key[at + 1 :]


def digit(chance: random.Random, key: str) -> str:
    """Another hex digit."""
    at = max(_at(chance, key), min(len(PREFIX), len(key) - 1))
    return key[:at] + chance.choice(HEX) + key[at + 1 :]


def drop(chance: random.Random, key: str) -> str:
    at = _at(chance, key)
    return key[:at] + key[at + 1 :]


def cut(chance: random.Random, key: str) -> str:
    return key[: _at(chance, key)] if chance.random() < 0.5 else key[_at(chance, key) :]


def add(chance: random.Random, key: str) -> str:
    at = chance.randrange(len(key) + 1)
    return key[:at] + chance.choice(HEX + " sk_") + key[at:]


def case(chance: random.Random, key: str) -> str:
    at = _at(chance, key)
    return chance.choice((key[:at] + key[at:].swapcase(), key.upper(), key.title()))


def prefix(chance: random.Random, key: str) -> str:
    ways = (
        "sk-",
        "sk_test_",
        "sk_live_sk_live_",
        "",
        "SK_LIVE_",
        "sk_live",
        " sk_live_",
    )
    return chance.choice(ways) + key.removeprefix("sk_live_")


def odd(chance: random.Random, key: str) -> str:
    at = _at(chance, key)
    end = chance.choice((at, at + 1))
    return key[:at] + chance.choice(ODD) + key[end:]


def swap(chance: random.Random, key: str) -> str:
    """Two letters exchanged."""
    one, other = sorted((_at(chance, key), _at(chance, key)))
    letters = list(key)
    letters[one], letters[other] = letters[other], letters[one]
    return "".join(letters)


def made_up(chance: random.Random, key: str) -> str:
    """In the right form, with nothing right in it."""
    return "sk_live_" + "".join(chance.choices(HEX, k=48))


MUTATIONS: tuple[Mutation, ...] = (
    flip,
    digit,
    drop,
    cut,
    add,
    case,
    prefix,
    odd,
    swap,
    made_up,
)

CARRIERS: tuple[Callable[[str], Credentials], ...] = (
    lambda key: Credentials(f"Bearer {key}"),
    lambda key: Credentials(keys=(key,)),
)


@pytest.fixture(scope="module")
def good(migrated: Callable[[str], Database]) -> tuple[Identifier, list[str]]:
    """Who tells, and the keys that are good."""
    sources = make_sources(migrated("sqlite"), settings_with(api_keys_per_user=KEYS))
    with sources.accounts.reach.writing() as session:
        user = add_user(session, username=f"keys-{secrets.token_hex(4)}")
    keys = [
        create_key(
            sources.accounts.reach,
            sources.pepper,
            sources.settings.auth,
            user.id,
            KeyOrder("k"),
        )[1]
        for _ in range(KEYS)
    ]
    return Identifier(sources), keys


def mutated(seed: int, good: list[str], count: int) -> Iterator[str]:
    """So many keys that are not in `good`, each made from one of them.

    Nine of ten keep the beginning, and are told from good ones without the database.
    """
    chance, known = random.Random(seed), set(good)
    left = count
    while left:
        key = chance.choice(good)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            key = chance.choice(MUTATIONS)(chance, key) or "x"
        if chance.random() < 0.9 and not key.startswith(PREFIX):
            key = PREFIX + key
        if key not in known:
            left -= 1
            yield key


def refuse(identifier: Identifier, good: list[str], count: int) -> None:
    """All of `count` are refused, and the good ones are good before and after."""
    seed = secrets.randbits(32)
    for key in good:
        assert identifier.identify(CARRIERS[0](key)).kind == "api_key"
    for number, key in enumerate(mutated(seed, good, count)):
        credentials = CARRIERS[number % len(CARRIERS)](key)
        try:
            principal = identifier.identify(credentials)
        except Unauthenticated:
            continue
        except Exception as error:
            error.add_note(f"seed {seed}, number {number}: {key!r}")
            raise
        pytest.fail(f"seed {seed}, number {number}: {key!r} is {principal}")
    for key in good:
        assert identifier.identify(CARRIERS[1](key)).kind == "api_key"


def test_ten_thousand_mutated_keys_are_refused(
    good: tuple[Identifier, list[str]],
) -> None:
    refuse(*good, count=10_000)


@pytest.mark.integration
def test_many_mutated_keys_are_refused(good: tuple[Identifier, list[str]]) -> None:
    refuse(*good, count=int(os.environ.get(COUNT, "100000")))


def test_a_good_key_among_white_space_is_good_by_no_way(
    good: tuple[Identifier, list[str]],
) -> None:
    """What an HTTP server leaves around a value is not ours to forgive."""
    identifier, (key, *_) = good
    for around in (
        f" {key}",
        f"{key} ",
        f"\t{key}",
        f"{key}\n",
        f"{key}\x00",
        f"'{key}'",
    ):
        for carrier in CARRIERS:
            with pytest.raises(Unauthenticated):
                identifier.identify(carrier(around))
