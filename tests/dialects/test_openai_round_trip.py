"""A chat that is written for a server of this dialect and read again is the same chat."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import (
    Audio,
    Chat,
    Image,
    Message,
    RemoteImage,
    Sampling,
    Target,
    Text,
    Tool,
    ToolCall,
)
from llmwrap.dialects.openai.calls import render_task
from llmwrap.dialects.openai.tasks import read_task
from llmwrap.settings.values import Media, ServiceSettings
from tests.dialects.requests import read

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text("abcdefgh_", min_size=1, max_size=8)
numbers = st.floats(-2, 2, width=32) | st.integers(-2, 2)

pictures = st.one_of(
    st.builds(Image, st.sampled_from(["image/png", "image/jpeg"]), st.just("iVBO")),
    st.builds(RemoteImage, st.just("https://example.org/a.png")),
    st.builds(Audio, st.sampled_from(["wav", "mp3"]), st.just("Uk=")),
)
contents = st.one_of(
    st.just(()),
    st.builds(lambda text: (Text(text),), words.filter(bool)),
    st.builds(
        lambda text, more: (Text(text), *more),
        words.filter(bool),
        st.lists(pictures, min_size=1, max_size=2),
    ),
    st.lists(pictures, min_size=1, max_size=2).map(tuple),
)
arguments = st.sampled_from(["{}", '{"a": 1}', '{"b":[1.0,null]}'])


@st.composite
def rounds(draw: st.DrawFn) -> list[Message]:
    """A question, and perhaps calls with their results, and an answer."""
    said = [Message("user", draw(contents))]
    count = draw(st.integers(0, 2))
    base = draw(st.integers(0, 10**6))
    calls = tuple(
        ToolCall(f"call-{base}-{n}", draw(names), draw(arguments)) for n in range(count)
    )
    if calls:
        said.append(Message("assistant", draw(contents), draw(words), calls))
    said += [
        Message("tool", draw(contents), call_id=call.id, name=call.name)
        for call in draw(st.permutations(calls))
    ]
    if draw(st.booleans()):
        said.append(Message("assistant", draw(contents), draw(words)))
    return said


schemas = st.fixed_dictionaries({"type": st.just("object")}, optional={"x-é": words})
tools = st.lists(
    st.builds(
        Tool,
        names,
        words,
        schemas,
        st.fixed_dictionaries({}, optional={"strict": st.booleans()}),
    ),
    max_size=3,
    unique_by=lambda tool: tool.name,
).map(tuple)
positive = st.integers(1, 10**8)


def perhaps(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


samplings = st.builds(
    Sampling,
    max_tokens=perhaps(positive),
    temperature=perhaps(st.floats(0, 2, width=32)),
    top_p=perhaps(st.floats(0, 1, width=32)),
    top_k=perhaps(st.integers(-1, 100)),
    min_p=perhaps(st.floats(0, 1, width=32)),
    seed=perhaps(st.integers(-(2**63), 2**63 - 1)),
    stop=st.lists(words.filter(bool), max_size=3).map(tuple),
    presence_penalty=perhaps(numbers),
    frequency_penalty=perhaps(numbers),
    repetition_penalty=perhaps(numbers),
    top_logprobs=perhaps(st.integers(0, 20)),
)


@st.composite
def chats(draw: st.DrawFn) -> Chat:
    messages = draw(st.lists(rounds(), min_size=1, max_size=3))
    given_tools = draw(tools)
    choice = (
        draw(st.sampled_from(["auto", "none", "required"])) if given_tools else "auto"
    )
    wanted = ""
    if choice == "required" and draw(st.booleans()):
        wanted = draw(st.sampled_from([tool.name for tool in given_tools]))
    return Chat(
        tuple(message for each in messages for message in each),
        given_tools,
        choice,
        wanted,
        draw(st.just("") | st.just("json") | schemas),
        draw(st.sampled_from([None, True, False, "low", "medium", "high", "max"])),
        draw(samplings),
        draw(st.integers(1, 3)),
    )


def again(body: bytes) -> Request:
    """The request of a client that sends what we sent."""
    return read("chat", body, ServiceSettings(), Media(remote="forward"))


@given(chats())
def test_chat_comes_back_as_it_was(task: Chat) -> None:
    (call,) = render_task(task, Target("up", "vllm"), stream=True)
    assert read_task(again(call.body)) == task
