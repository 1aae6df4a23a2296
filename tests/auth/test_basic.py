"""Passwords: bounded work, a cache of whole credentials, and HTTP Basic."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from werkzeug.security import check_password_hash, generate_password_hash

from llmwrap.auth.basic import (
    PasswordChecker,
    authenticate_basic,
    decoy_hash,
)
from llmwrap.auth.credentials import Credential
from llmwrap.auth.throttle import Attempt
from llmwrap.auth.users import PredefinedUsers
from llmwrap.errors import RateLimited, Unauthenticated
from llmwrap.settings.values import User
from tests.auth.making import make_sources


@pytest.fixture
def alice(users):
    return users.by_username("alice")


def basic(text, encoding="utf-8"):
    return Credential("basic", base64.b64encode(text.encode(encoding)).decode())


def test_the_right_password_is_good(passwords, alice):
    assert passwords.verify(alice, "wonderland") is True


def test_a_wrong_password_is_not(passwords, alice):
    assert passwords.verify(alice, "Wonderland") is False


def test_an_unknown_user_costs_one_hash_like_a_known_one(passwords, alice, check):
    passwords.verify(alice, "wrong")
    passwords.verify(None, "wrong")
    assert check.calls == [("fake$salt$wonderland", "wrong"), ("fake$decoy$", "wrong")]


def test_an_unknown_user_has_no_password_even_if_the_hash_agrees(clock):
    passwords = PasswordChecker("decoy", check=lambda *_: True, clock=clock)
    assert passwords.verify(None, "anything") is False


@pytest.mark.parametrize("password", ["", "x" * 1025, "é" * 513, "x" * 1_000_000])
def test_an_empty_or_huge_password_is_refused_unhashed(clock, alice, password):
    calls = []
    passwords = PasswordChecker("decoy", check=lambda *c: not calls.append(c))
    assert passwords.verify(alice, password) is False
    assert passwords.verify(None, password) is False
    assert calls == []


def test_a_password_of_1024_bytes_is_hashed(passwords, alice, check):
    passwords.verify(alice, "é" * 512)
    assert len(check.calls) == 1


def test_a_good_credential_is_not_hashed_again_for_60_s(passwords, alice, check, clock):
    passwords.verify(alice, "wonderland")
    clock.now += 59.9
    assert passwords.verify(alice, "wonderland") is True
    assert len(check.calls) == 1


def test_a_good_credential_is_hashed_again_when_not_used_for_60_s(
    passwords, alice, check, clock
):
    for _ in range(10):
        passwords.verify(alice, "wonderland")
        clock.now += 59.9
    assert len(check.calls) == 1
    clock.now += 0.1
    assert passwords.verify(alice, "wonderland") is True
    assert len(check.calls) == 2


def test_a_failure_is_hashed_every_time(passwords, alice, check):
    passwords.verify(alice, "wrong")
    passwords.verify(alice, "wrong")
    assert len(check.calls) == 2


def test_a_password_that_differs_in_its_last_byte_is_another_one(passwords, alice):
    long = replace(alice, password_hash="fake$salt$" + "x" * 1023 + "a")
    assert passwords.verify(long, "x" * 1023 + "a") is True
    assert passwords.verify(long, "x" * 1023 + "b") is False


def test_a_password_with_a_nul_is_another_one(passwords, alice):
    passwords.verify(alice, "wonderland")
    assert passwords.verify(alice, "wonderland\0") is False


def test_a_remembered_password_is_good_for_its_user_only(passwords, users, alice):
    passwords.verify(alice, "wonderland")
    assert passwords.verify(users.by_username("zoë"), "wonderland") is False


def test_a_changed_record_ends_what_was_remembered(passwords, alice):
    passwords.verify(alice, "wonderland")
    changed = replace(alice, password_hash="fake$salt$looking-glass")
    assert passwords.verify(changed, "wonderland") is False


def test_the_cache_forgets_the_oldest_beyond_its_bound(check, clock):
    passwords = PasswordChecker("decoy", check=check, clock=clock)
    users = PredefinedUsers(User(f"u{n}", "fake$salt$same") for n in range(4097))
    for n in range(4097):
        passwords.verify(users.by_username(f"u{n}"), "same")
    passwords.verify(users.by_username("u4096"), "same")
    assert len(check.calls) == 4097
    passwords.verify(users.by_username("u0"), "same")
    assert len(check.calls) == 4098


class ArrivingUser:
    """A user who counts the reads of the stored hash: one when a request comes."""

    id = "usr_1"

    def __init__(self):
        self.reads = threading.Semaphore(0)

    @property
    def password_hash(self):
        self.reads.release()
        return "stored"


def test_a_burst_of_one_credential_is_hashed_once(clock):
    user, calls = ArrivingUser(), []

    def check_when_all_are_there(stored, password):
        calls.append(password)
        # Each reads it when it comes, the first one twice more before it is here.
        assert all(user.reads.acquire(timeout=5) for _ in range(7 + 3))
        return True

    passwords = PasswordChecker("decoy", check=check_when_all_are_there, clock=clock)
    with ThreadPoolExecutor(7) as pool:
        burst = [pool.submit(passwords.verify, user, "wonderland") for _ in range(7)]
        assert [request.result(10) for request in burst] == [True] * 7
    assert calls == ["wonderland"]


def test_a_third_check_at_once_is_refused_after_a_wait(alice, clock, check):
    both_inside, go_on = threading.Barrier(3), threading.Event()

    def slow_check(stored, password):
        if password == "guess":
            both_inside.wait(10)
            go_on.wait(10)
        return check(stored, password)

    passwords = PasswordChecker("fake$decoy$", check=slow_check, clock=clock)
    assert passwords.verify(alice, "wonderland") is True
    with ThreadPoolExecutor(2) as pool:
        guesses = [
            pool.submit(passwords.verify, None, "guess", Attempt("x", address))
            for address in ("10.0.0.1", "10.0.0.2")
        ]
        both_inside.wait(10)
        with pytest.raises(RateLimited) as refused:
            passwords.verify(alice, "Wonderland", Attempt("alice", "10.0.0.3"))
        # Who is remembered waits for nobody.
        assert passwords.verify(alice, "wonderland") is True
        go_on.set()
        assert [guess.result(10) for guess in guesses] == [False, False]
    assert refused.value.message == "too many password checks at once"
    assert refused.value.retry_after_s == 1


def test_a_check_that_fails_gives_its_place_back(alice, clock):
    def broken_check(stored, password):
        raise ValueError("invalid hash method")

    passwords = PasswordChecker("decoy", check=broken_check, clock=clock)
    for user in (alice, None, alice):
        with pytest.raises(ValueError, match="invalid hash method"):
            passwords.verify(user, "x")


def test_the_default_check_reads_hashes_of_werkzeug(alice):
    stored = generate_password_hash("wonderland", "scrypt:1024:8:1")
    passwords = PasswordChecker(decoy_hash([stored]))
    real = replace(alice, password_hash=stored)
    assert passwords.verify(real, "wonderland") is True
    assert passwords.verify(real, "wrong") is False
    assert passwords.verify(None, "wonderland") is False


def test_a_decoy_has_the_parameters_of_most_hashes():
    stored = ["scrypt:1024:8:1$a$b", "pbkdf2:sha256:10$a$b", "pbkdf2:sha256:10$c$d"]
    assert decoy_hash(stored) == "pbkdf2:sha256:10$decoy$0"


def test_without_users_a_decoy_has_the_parameters_of_a_new_hash():
    assert decoy_hash([]) == "scrypt:32768:8:1$decoy$0"
    assert generate_password_hash("x").startswith("scrypt:32768:8:1$")


def test_a_decoy_is_a_hash_that_werkzeug_computes_and_refuses():
    assert check_password_hash(decoy_hash(["scrypt:1024:8:1$a$b"]), "x") is False
    with pytest.raises(ValueError, match="Invalid hash method 'unheard'"):
        check_password_hash(decoy_hash(["unheard$a$b"]), "x")


def test_basic_identifies_a_user(sources):
    principal = authenticate_basic(
        sources.accounts, sources.passwords, basic("alice:wonderland")
    )
    assert (principal.id, principal.kind, principal.groups) == (
        "usr_2bd806c97f0e00af1a1fc332",
        "basic",
        frozenset({"user"}),
    )


def test_name_and_password_may_hold_utf8_and_the_password_colons(sources):
    principal = authenticate_basic(
        sources.accounts, sources.passwords, basic("zoë:pa:ss wörd")
    )
    assert principal.name == "zoë"


def test_another_scheme_is_not_basic(sources, check):
    credential = replace(basic("alice:wonderland"), scheme="bearer")
    assert authenticate_basic(sources.accounts, sources.passwords, credential) is None
    assert check.calls == []


@pytest.mark.parametrize(
    "text", ["alice:wrong", "nobody:wonderland", "alice:", ":wonderland", "alice", ":"]
)
def test_a_bad_name_or_password_is_one_refusal(sources, text):
    with pytest.raises(Unauthenticated, match=r"^wrong username or password$"):
        authenticate_basic(sources.accounts, sources.passwords, basic(text))


@pytest.mark.parametrize(
    "value",
    ["!", "YWxpY2U6d29uZGVybGFuZ", "YQ==,YQ==", "/w==", "YWxp Y2U6", "é", "=", "YQ"],
)
def test_what_is_not_base64_of_utf8_is_malformed(sources, value):
    with pytest.raises(Unauthenticated, match=r"^malformed Basic credential"):
        authenticate_basic(
            sources.accounts, sources.passwords, Credential("basic", value)
        )


def test_latin_1_is_malformed(sources):
    with pytest.raises(Unauthenticated, match=r"^malformed Basic credential"):
        authenticate_basic(
            sources.accounts, sources.passwords, basic("zoë:pa:ss wörd", "latin-1")
        )


def test_names_from_an_address_that_is_closed_ask_no_database(shelf, check):
    sources = make_sources(shelf, check=check)

    def guess(number):
        credential = replace(basic(f"nobody-{number}:guess"), address="10.0.0.1")
        return authenticate_basic(sources.accounts, sources.passwords, credential)

    for number in range(100):
        with pytest.raises(Unauthenticated):
            guess(number)
    before = shelf.readings
    assert before >= 100
    for number in range(100, 200):
        with pytest.raises(RateLimited):
            guess(number)
    assert shelf.readings == before


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_what_is_nobody_s_password_asks_no_database(shelf, password):
    sources = make_sources(shelf)
    before = shelf.readings
    with pytest.raises(Unauthenticated, match=r"^wrong username or password$"):
        authenticate_basic(
            sources.accounts, sources.passwords, basic(f"bea:{password}")
        )
    assert shelf.readings == before
