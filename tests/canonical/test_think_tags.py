"""Thoughts between `<think>` and `</think>` are told apart, however the text is cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmwrap.canonical.answers import Choice, fold
from llmwrap.canonical.events import (
    Event,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from llmwrap.canonical.think_tags import MAX_HELD, ThinkTags

CASES = [
    ("<think>hm</think>ok", "hm", "ok"),
    ("<think>\nhm\n</think>\n\nok", "hm\n", "ok"),
    (" \n<think>hm</think>ok", "hm", "ok"),
    ("<think>\n\n</think>\n\nok", "", "ok"),
    ("<think></think>ok", "", "ok"),
    ("hm</think>\n\nok", "hm", "ok"),
    ("\nhm\n</think>ok", "\nhm\n", "ok"),
    ("<think>hm", "hm", ""),
    ("<think>hm</thin", "hm</thin", ""),
    ("<think>a < b </ c</think>d", "a < b </ c", "d"),
    ("<think>a<</think>b", "a<", "b"),
    ("<think>a</think> \n  - b\n", "a", "  - b\n"),
    ("<think>a</think> b", "a", " b"),
    ("<think>a</think>\n\n", "a", ""),
    ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
    ("ok", "", "ok"),
    ("  ok\n", "", "  ok\n"),
    ("<thin", "", "<thin"),
    ("<b>ok</b>", "", "<b>ok</b>"),
    ("say <think>", "", "say <think>"),
    ("", "", ""),
    (" ", "", " "),
]

each_case = pytest.mark.parametrize(("text", "thoughts", "answer"), CASES)


def _told(pieces: list[str]) -> tuple[str, str]:
    tags = ThinkTags()
    events: list[Event] = []
    for piece in pieces:
        events += tags.filter([TextDelta(0, piece)])
    events += tags.end()
    assert all(event.text for event in events if isinstance(event, TextDelta))
    choices = fold(events).choices
    return (choices[0].reasoning, choices[0].text) if choices else ("", "")


@each_case
def test_thoughts_and_answer_are_apart(text: str, thoughts: str, answer: str) -> None:
    assert _told([text]) == (thoughts, answer)


@each_case
def test_no_cut_in_three_changes_anything(
    text: str, thoughts: str, answer: str
) -> None:
    size = len(text)
    cuts = [(a, b) for a in range(size + 1) for b in range(a, size + 1)]
    differing = [
        (a, b)
        for a, b in cuts
        if _told([text[:a], text[a:b], text[b:]]) != (thoughts, answer)
    ]
    assert differing == []


_words = st.sampled_from(["<think>", "</think>", "<", "/", "think>", "\n", " ", "a"])


@settings(max_examples=100, deadline=None)
@given(st.lists(_words, max_size=12))
def test_any_text_is_the_same_letter_by_letter(words: list[str]) -> None:
    text = "".join(words)
    assert _told(list(text)) == _told([text])


def test_thoughts_and_answer_leave_as_soon_as_they_are_certain() -> None:
    tags = ThinkTags()
    steps = ["<th", "ink>h", "m<", "b</thi", "nk>\n", "o", "k<"]
    assert [tags.filter([TextDelta(0, each)]) for each in steps] == [
        [],
        [ReasoningDelta(0, "h")],
        [ReasoningDelta(0, "m")],
        [ReasoningDelta(0, "<b")],
        [],
        [TextDelta(0, "o")],
        [TextDelta(0, "k<")],
    ]


def test_text_without_tags_is_held_until_the_end() -> None:
    tags = ThinkTags()
    events: list[Event] = [TextDelta(0, "ok"), UsageReported(Usage(1, 1))]
    assert tags.filter(events) == [UsageReported(Usage(1, 1))]
    assert tags.filter([Finished(0, "stop")]) == [
        TextDelta(0, "ok"),
        Finished(0, "stop"),
    ]
    assert tags.end() == []


def test_text_without_tags_is_not_held_for_ever() -> None:
    tags = ThinkTags()
    text = "x" * MAX_HELD
    assert tags.filter([TextDelta(0, text)]) == []
    assert tags.filter([TextDelta(0, "y")]) == [TextDelta(0, text + "y")]
    assert tags.filter([TextDelta(0, "a</think>b")]) == [TextDelta(0, "a</think>b")]


@pytest.mark.parametrize(
    "event", [ToolCallDelta(0, 0, "a", "f", "{}"), ReasoningDelta(0, "hm")]
)
def test_what_is_no_text_ends_the_waiting(event: Event) -> None:
    tags = ThinkTags()
    told = tags.filter([TextDelta(0, "ok"), event, TextDelta(0, "</think>")])
    assert told == [TextDelta(0, "ok"), event, TextDelta(0, "</think>")]


def test_choices_are_apart() -> None:
    tags = ThinkTags()
    events: list[Event] = [
        Started(0),
        TextDelta(0, "<think>a"),
        Started(1),
        TextDelta(1, "b</think>c"),
        TextDelta(0, "</think>d"),
    ]
    assert fold(tags.filter(events) + tags.end()).choices == (
        Choice(0, "d", "a"),
        Choice(1, "c", "b"),
    )
