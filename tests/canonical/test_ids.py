"""Ids of calls that came without one."""

from llmwrap.canonical.ids import call_id


def test_id_is_nine_letters_and_digits() -> None:
    made = call_id("0123abcd", 0, 0)
    assert len(made) == 9
    assert made.isalnum()
    assert made.isascii()


def test_every_call_of_every_answer_has_its_own() -> None:
    made = {
        call_id(answer, choice, call)
        for answer in ("a", "b")
        for choice in (0, 1)
        for call in range(50)
    }
    assert len(made) == 200


def test_same_call_has_the_same_id() -> None:
    assert call_id("a", 0, 1) == call_id("a", 0, 1)
