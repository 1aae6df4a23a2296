"""Several answers as one: choices count on, and so do tokens."""

from llmwrap.canonical.events import (
    Event,
    Finished,
    Started,
    TextDelta,
    Usage,
    UsageReported,
)
from llmwrap.canonical.joining import Joint


def answer(index: int, usage: Usage) -> list[Event]:
    return [
        Started(index),
        TextDelta(index, "a"),
        Finished(index, "stop"),
        UsageReported(usage),
    ]


def test_only_call_is_told_as_it_is() -> None:
    told = answer(0, Usage(5, 2, 3, 1))
    assert Joint().take(told) == told


def test_choices_of_the_next_call_count_on() -> None:
    joint = Joint(3)
    joint.take([TextDelta(0, "a"), TextDelta(1, "b")])
    joint.end()
    assert joint.take([Started(0), Finished(1, "stop")]) == [
        Started(2),
        Finished(3, "stop"),
    ]
    joint.end()
    assert joint.take([Started(0)]) == [Started(4)]


def test_call_that_told_nothing_still_has_its_place() -> None:
    joint = Joint(2)
    joint.end()
    assert joint.take([Started(0)]) == [Started(1)]


def test_prompt_counts_once_for_the_calls_that_repeat_it() -> None:
    joint = Joint(2)
    assert joint.take(answer(0, Usage(5, 2, 3)))[-1] == UsageReported(Usage(5, 2, 3))
    joint.end()
    assert joint.take(answer(0, Usage(5, 4, 5)))[-1] == UsageReported(Usage(5, 6, 3))
    joint.end()
    assert joint.take(answer(0, Usage(7, 1)))[-1] == UsageReported(Usage(12, 7, 3))


def test_last_count_of_a_call_counts() -> None:
    joint = Joint()
    joint.take([UsageReported(Usage(5, 1))])
    assert joint.take([UsageReported(Usage(5, 2))]) == [UsageReported(Usage(5, 2))]


def test_call_that_is_made_again_counts_once() -> None:
    joint = Joint()
    joint.take(answer(0, Usage(1, 1)))
    joint.end()
    joint.take(answer(3, Usage(9, 9)))
    joint.begin()
    assert joint.take(answer(0, Usage(2, 2))) == [
        Started(1),
        TextDelta(1, "a"),
        Finished(1, "stop"),
        UsageReported(Usage(3, 3)),
    ]
