"""Results find their calls by id, by name, or in order; what was sent is kept."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from llmwrap.canonical.pairing import paired
from llmwrap.canonical.tasks import Message, Text, ToolCall

USER = Message("user", (Text("hi"),))


def calling(*calls: tuple[str, str]) -> Message:
    """An assistant's message with calls of (id, name)."""
    return Message(
        "assistant", calls=tuple(ToolCall(made, name, "{}") for made, name in calls)
    )


def result(call_id: str = "", name: str = "") -> Message:
    return Message("tool", (Text("42"),), call_id=call_id, name=name)


def ids(*messages: Message) -> list[tuple[str, str]]:
    """(call's id, name) of every result."""
    return [
        (each.call_id, each.name) for each in paired(messages) if each.role == "tool"
    ]


def test_what_needs_nothing_is_kept_as_it_is() -> None:
    messages = (USER, calling(("a", "f")), result("a", "f"))
    assert all(new is old for new, old in zip(paired(messages), messages, strict=True))


def test_call_without_an_id_gets_nine_letters_and_digits() -> None:
    (_, asked) = paired((USER, calling(("", "f"), ("", "g"))))
    assert [call.id for call in asked.calls] == ["call00000", "call00001"]


def test_made_id_is_none_that_was_sent() -> None:
    first, _, second = paired(
        (calling(("", "f")), result(), calling(("call00000", "g"), ("call00001", "h")))
    )
    assert first.calls[0].id == "call00002"
    assert [call.id for call in second.calls] == ["call00000", "call00001"]


def test_result_answers_the_call_it_names() -> None:
    asked = calling(("a", "f"), ("b", "g"))
    assert ids(asked, result("b"), result("a")) == [("b", "g"), ("a", "f")]


def test_result_without_an_id_answers_the_call_of_its_tool() -> None:
    asked = calling(("", "f"), ("", "g"))
    found = ids(asked, result(name="g"), result(name="f"))
    assert found == [("call00001", "g"), ("call00000", "f")]


def test_result_without_a_word_answers_the_first_open_call() -> None:
    asked = calling(("a", "f"), ("b", "g"))
    assert ids(asked, result(), result()) == [("a", "f"), ("b", "g")]


def test_two_results_of_one_tool_answer_two_calls() -> None:
    asked = calling(("a", "f"), ("b", "f"))
    assert ids(asked, result(name="f"), result(name="f")) == [("a", "f"), ("b", "f")]


def test_result_of_an_unknown_tool_answers_in_order_and_keeps_its_name() -> None:
    assert ids(calling(("a", "f")), result(name="other")) == [("a", "other")]


def test_result_without_any_call_is_kept_with_an_id_of_its_own() -> None:
    assert ids(USER, result(name="f")) == [("call00000", "f")]


def test_id_that_nobody_knows_is_kept() -> None:
    assert ids(calling(("a", "f")), result("z"), result()) == [("z", ""), ("a", "f")]


def test_last_call_of_an_id_gives_the_name() -> None:
    messages = (calling(("a", "f")), result("a"), calling(("a", "g")), result("a"))
    assert ids(*messages) == [("a", "f"), ("a", "g")]


def paired_naively(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The same by looking for each call in all that are open."""
    taken = {call.id for each in messages for call in each.calls}
    fresh = (f"call{n:05}" for n in range(10_000) if f"call{n:05}" not in taken)
    waiting: list[ToolCall] = []
    names: dict[str, str] = {}
    settled = []
    for message in messages:
        if message.calls:
            calls = tuple(
                call if call.id else replace(call, id=next(fresh))
                for call in message.calls
            )
            waiting += calls
            names |= {call.id: call.name for call in calls}
            settled.append(replace(message, calls=calls))
        elif message.role == "tool":
            if message.call_id:
                fitting = [each for each in waiting if each.id == message.call_id]
            else:
                named = [each for each in waiting if each.name == message.name]
                fitting = named or waiting
            call_id = message.call_id
            if fitting:
                call_id = call_id or fitting[0].id
                waiting.remove(fitting[0])
            call_id = call_id or next(fresh)
            name = message.name or names.get(call_id, "")
            settled.append(replace(message, call_id=call_id, name=name))
        else:
            settled.append(message)
    return tuple(settled)


def random_turn(chance: random.Random) -> Message:
    """A turn with few ids and names, so that they often meet."""
    ids, names = ["", "", "a", "b", "call00001"], ["", "f", "g", "h"]
    if chance.random() < 0.1:
        return USER
    if chance.random() < 0.4:
        count = chance.randint(1, 4)
        return calling(
            *((chance.choice(ids), chance.choice(names)) for _ in range(count))
        )
    return result(chance.choice(ids), chance.choice(names))


@pytest.mark.parametrize("seed", range(300))
def test_result_finds_the_call_that_a_search_through_all_would_find(seed: int) -> None:
    chance = random.Random(seed)
    messages = [random_turn(chance) for _ in range(chance.randint(1, 40))]
    assert paired(messages) == paired_naively(messages)


class Compared(str):
    """A text that counts how often any of its kind is compared."""

    __slots__ = ()
    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("by_id", "by_name"), [(True, False), (False, True), (False, False)]
)
def test_work_grows_with_the_calls_and_not_with_their_square(
    by_id: bool, by_name: bool
) -> None:
    """20,000 calls took a minute when each result was compared with all of them."""
    calls, count = range(2000), len(range(2000))
    made = [ToolCall(Compared(n), Compared(f"f{n % 7}"), "{}") for n in calls]
    results = [
        Message(
            "tool",
            call_id=Compared(n) if by_id else "",
            name=Compared(f"f{n % 7}") if by_name else "",
        )
        for n in reversed(calls)
    ]
    Compared.times = 0
    paired([Message("assistant", calls=tuple(made)), *results])
    assert Compared.times < 20 * count
