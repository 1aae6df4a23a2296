"""A whole answer is the fold of its events, in whatever pieces they come."""

from llmwrap.canonical.answers import Choice, WholeAnswer, fold
from llmwrap.canonical.events import (
    Finished,
    LogprobsReported,
    ReasoningDelta,
    Started,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from llmwrap.canonical.tasks import ToolCall


def test_pieces_are_joined_by_choice() -> None:
    answer = fold(
        [
            Started(1),
            TextDelta(1, "B"),
            Started(0),
            ReasoningDelta(0, "hm"),
            TextDelta(0, "A"),
            ReasoningDelta(0, "!"),
            TextDelta(0, "a"),
            Finished(0, "stop"),
            Finished(1, "length"),
            UsageReported(Usage(1, 2)),
            UsageReported(Usage(3, 4)),
        ]
    )
    assert answer == WholeAnswer(
        (
            Choice(0, "Aa", "hm!", reason="stop"),
            Choice(1, "B", reason="length"),
        ),
        Usage(3, 4),
    )


def test_calls_are_joined_by_number_and_keep_their_first_id() -> None:
    answer = fold(
        [
            ToolCallDelta(0, 1, "b", "g", ""),
            ToolCallDelta(0, 0, "a", "f", '{"x"'),
            ToolCallDelta(0, 0, "a", "f", ":1}"),
            ToolCallDelta(0, 1, "", "", "{}"),
        ]
    )
    assert answer.choices[0].calls == (
        ToolCall("a", "f", '{"x":1}'),
        ToolCall("b", "g", "{}"),
    )


def test_a_name_in_pieces_is_joined() -> None:
    pieces = [ToolCallDelta(0, 0, "a", "get_", ""), ToolCallDelta(0, 0, "", "it", "")]
    assert fold(pieces).choices[0].calls == (ToolCall("a", "get_it", ""),)


def test_probabilities_follow_each_other() -> None:
    one, two = TokenLogprob("a", -0.5), TokenLogprob("b", -1.0)
    told = fold([LogprobsReported(0, (one,)), LogprobsReported(0, (two,))])
    assert told.choices[0].logprobs == (one, two)


def test_nothing_told_is_no_choice_and_no_usage() -> None:
    assert fold([]) == WholeAnswer((), None)
