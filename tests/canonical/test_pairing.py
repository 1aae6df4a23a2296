"""Results find their calls by id, by name, or in order; what was sent is kept."""

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
