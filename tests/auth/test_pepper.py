"""Secrets: their form, their hashes, and the check that spares the database."""

import random
import string

import pytest

from llmwrap.auth.pepper import Pepper, looks_like_key


@pytest.fixture(scope="module")
def pepper():
    return Pepper(b"k" * 32)


LETTERS = string.hexdigits + string.punctuation + "é "

CHANGES = (
    lambda key, at, letter: key[:at] + letter + key[at + 1 :],
    lambda key, at, letter: key[:at] + letter + key[at:],
    lambda key, at, letter: key[:at] + key[at + 1 :],
    lambda key, at, letter: key[:at] + key[at:].swapcase(),
    lambda key, at, letter: key[:at] + key[at:][::-1],
    lambda key, at, letter: key[:at],
    lambda key, at, letter: key + letter,
)


def mutations(key, count):
    """About `count` other texts, each one small change away from `key`."""
    chance = random.Random(1).random
    for _ in range(count):
        at = 8 + int(chance() * 48)
        letter = LETTERS[int(chance() * len(LETTERS))]
        changed = CHANGES[int(chance() * len(CHANGES))](key, at, letter)
        if changed != key:
            yield changed


def guesses_that_pass(pepper, count):
    return sum(map(pepper.could_be_key, mutations(pepper.new_key(), count)))


def test_a_key_has_the_documented_form(pepper):
    key = pepper.new_key()
    assert key.startswith("sk_live_")
    assert len(key) == 56
    assert set(key[8:]) <= set("0123456789abcdef")
    assert looks_like_key(key)


def test_a_refresh_token_is_no_jwt_and_no_key(pepper):
    token = pepper.new_refresh_token()
    assert token.startswith("rt_")
    assert len(token) == 67
    assert "." not in token
    assert not looks_like_key(token)


def test_no_two_secrets_are_alike(pepper):
    assert len({pepper.new_key() for _ in range(1000)}) == 1000
    assert len({pepper.new_refresh_token() for _ in range(1000)}) == 1000


def test_the_hash_is_that_of_the_whole_secret_under_this_signing_key(pepper):
    assert len(pepper.hash("a")) == 64
    assert pepper.hash("a") == Pepper(b"k" * 32).hash("a")
    assert pepper.hash("a") != Pepper(b"K" * 32).hash("a")
    assert pepper.hash("a") != pepper.hash("a\0")


def test_a_key_that_was_made_here_could_be_one(pepper):
    assert all(pepper.could_be_key(pepper.new_key()) for _ in range(100))


def test_a_key_of_another_gateway_is_none_of_ours(pepper):
    stranger = Pepper(b"K" * 32)
    assert not any(pepper.could_be_key(stranger.new_key()) for _ in range(100))


@pytest.mark.parametrize("key", ["sk-1234", "anything", "sk_test_00", "é", "\ud800"])
def test_other_forms_are_worth_a_look(pepper, key):
    assert pepper.could_be_key(key)


@pytest.mark.parametrize(
    "key", ["", "x" * 513, "sk_live_", "sk_live_0", "sk_live_é" + "0" * 47]
)
def test_what_can_be_no_key_is_not_looked_up(pepper, key):
    assert not pepper.could_be_key(key)


def test_100_000_mutated_keys_never_reach_the_database(pepper):
    assert guesses_that_pass(pepper, 100_000) == 0


@pytest.mark.integration
def test_a_million_mutated_keys_hardly_ever_reach_the_database(pepper):
    # One in four billion passes by chance.
    assert guesses_that_pass(pepper, 1_000_000) <= 1
