"""The README does what it says: its commands are run, its tables compared with the code."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from llmwrap.cli import main
from llmwrap.settings.notices import NOT_BUILT
from tests.fakes import FakeUpstream, chat_answer
from tests.gateway import ROOT, Gateway, serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
TEAM_KEY = "a-key-of-the-tests"
PASSWORD = "correct horse"


@dataclass(frozen=True)
class Block:
    """A fenced block, and the JSON block that follows it, if one does."""

    language: str
    text: str
    answer: str | None = None


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [
        Block(language, text, following if kind == "json" else None)
        for (language, text), (kind, following) in zip(
            found, [*found[1:], ("", "")], strict=True
        )
    ]


def only(language: str) -> str:
    (text,) = (block.text for block in blocks() if block.language == language)
    return text


CURLS = [block for block in blocks() if block.text.startswith("curl ")]

ENTRY = {
    "id": "str",
    "object": "str",
    "created": "int",
    "owned_by": "str",
    "root": "str",
}
USAGE = {"prompt_tokens": "int", "completion_tokens": "int", "total_tokens": "int"}
MESSAGE = {"role": "str", "content": "str", "refusal": "NoneType"}
ANSWER = {
    "id": "str",
    "created": "int",
    "model": "str",
    "object": "str",
    "choices": [
        {
            "index": "int",
            "message": MESSAGE,
            "logprobs": "NoneType",
            "finish_reason": "str",
        }
    ],
    "usage": USAGE,
}
TEXT_CHOICE = {
    "index": "int",
    "text": "str",
    "logprobs": "NoneType",
    "finish_reason": "str",
}
VECTOR = {"object": "str", "index": "int", "embedding": ["float"]}
OLLAMA_ANSWER = {
    "model": "str",
    "created_at": "str",
    "message": {"role": "str", "content": "str"},
    "done": "bool",
    "done_reason": "str",
    "total_duration": "int",
    "load_duration": "int",
    "prompt_eval_count": "int",
    "eval_count": "int",
    "eval_duration": "int",
}
FAKE_CHOICE = {"index": "int", "message": {"role": "str", "content": "str"}}
PROFILE = {"id": "str", "email": "str", "name": "str", "role": "str"}
ERROR = {"message": "str", "type": "str", "param": "str", "code": "str"}

SHAPES: list[tuple[int, object]] = [
    (200, {"status": "str"}),
    (200, {"object": "str", "data": [ENTRY]}),
    (200, ANSWER),
    (200, "text/event-stream"),
    (200, ANSWER | {"choices": [TEXT_CHOICE]}),
    (
        200,
        {
            "object": "str",
            "data": [VECTOR],
            "model": "str",
            "usage": {"prompt_tokens": "int", "total_tokens": "int"},
        },
    ),
    (200, OLLAMA_ANSWER),
    (
        200,
        {
            "token": "str",
            "token_type": "str",
            "expires_at": "int",
            "user": PROFILE,
            **PROFILE,
            "profile_image_url": "str",
            "permissions": {},
        },
    ),
    (200, {"object": "str", "data": [ENTRY]}),
    (200, {"object": "str", "data": [ENTRY]}),
    (200, ANSWER | {"choices": [FAKE_CHOICE | {"finish_reason": "str"}]}),
    (404, {"error": ERROR, "detail": "str"}),
]
"""Status and shape of the answer to each curl command, in the README's order."""

NEEDS_USERS = range(7, 11)
"""Which of them go to the gateway that is configured as the README says."""


def shape(value: object) -> object:
    """The value with names of types in place of what is in it; a list by its first item."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])]
    return type(value).__name__


@pytest.fixture(scope="module")
def plain() -> Iterator[Gateway]:
    """Nothing configured: the demo answers, and nobody is asked who he is."""
    with serving("") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def configured() -> Iterator[Gateway]:
    """The README's own example, with a server that exists and a password's true hash."""
    hashed = CliRunner().invoke(main, ["user", "hash-password"], input=f"{PASSWORD}\n")
    with FakeUpstream(models=("Mistral-Small",)) as upstream:
        upstream.chat(chat_answer("Hello"))
        text = only("toml").replace("scrypt:32768:8:1$...", hashed.output.strip())
        text = text.replace("http://10.0.0.11:8000", upstream.url)
        with serving(text, environ={"TEAM_KEY": TEAM_KEY}) as gateway:
            yield gateway


def run_curl(command: str, gateway: Gateway) -> tuple[int, str, str]:
    """Status, content type and body of the command as it stands, at `gateway`."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    told = "\\n%{http_code} %{content_type}"
    quiet = f"curl --silent --show-error --max-time 20 --write-out '{told}' "
    done = subprocess.run(
        ["sh", "-c", command.replace("curl ", quiet, 1).replace(ADDRESS, gateway.url)],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "TEAM_KEY": TEAM_KEY},
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, last = done.stdout.rpartition("\n")
    status, _, content_type = last.partition(" ")
    return int(status), content_type, body


def test_every_curl_command_has_an_expected_shape() -> None:
    assert len(CURLS) == len(SHAPES)


@pytest.mark.parametrize("number", range(len(CURLS)))
def test_curl_command_is_answered(
    number: int, plain: Gateway, configured: Gateway
) -> None:
    gateway = configured if number in NEEDS_USERS else plain
    wanted_status, wanted = SHAPES[number]
    status, content_type, body = run_curl(CURLS[number].text, gateway)
    assert status == wanted_status, body
    if wanted == "text/event-stream":
        assert content_type == "text/event-stream; charset=utf-8"
        *records, last, rest = body.split("\n\n")
        assert (last, rest) == ("data: [DONE]", "")
        assert all(record.startswith('data: {"id":"chatcmpl-') for record in records)
        return
    assert content_type.partition(";")[0] == "application/json"
    assert shape(json.loads(body)) == wanted
    if CURLS[number].answer:
        assert json.loads(body) == json.loads(CURLS[number].answer)


def test_python_example_prints_the_answer(plain: Gateway, tmp_path: Path) -> None:
    example = tmp_path / "example.py"
    example.write_text(only("python").replace(ADDRESS, plain.url))
    done = subprocess.run(
        [sys.executable, example], capture_output=True, text=True, timeout=30
    )
    assert done.stderr == ""
    assert done.stdout.startswith("No model is connected to this llmwrap")
    assert done.stdout.endswith("You wrote: Hello")


def test_sections_are_those_of_the_example_with_their_state() -> None:
    rows = re.findall(r"^\| `(\[.*?\])`.*\| (built|not built yet) \|$", README, re.M)
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    sections = re.findall(r"^#?(\[{1,2}[a-z0-9_.]+\]{1,2})", example, re.M)
    assert [name for name, _ in rows] == [
        name for name in sections if name not in ("[services.api]", "[services.ollama]")
    ]
    for name, state in rows:
        path = name.strip("[]")
        missing = any(path == each or path.startswith(f"{each}.") for each in NOT_BUILT)
        assert state == ("not built yet" if missing else "built"), name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages"),
        ("POST", "/v1/responses"),
        ("GET", "/metrics"),
    ],
)
def test_what_is_said_not_to_be_built_is_not(
    plain: Gateway, method: str, path: str
) -> None:
    assert f"`{path}`" in README
    assert plain.request(method, path).status_code == 404


def verbs() -> set[str]:
    """Every command of the command line, with those below it."""
    found = {"test"}  # a verb of ./run itself
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        below = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {each}" for each in below} or {name}
    return found


def test_every_verb_exists_and_every_existing_verb_is_named() -> None:
    text = README + (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    named = re.findall(r"\./run ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)", text)
    known = verbs()
    used = {name if name in known else name.partition(" ")[0] for name in named}
    assert used == known


def test_headers_of_the_table_are_sent(plain: Gateway) -> None:
    rows = set(re.findall(r"^\| `(x-[a-z-]+|Retry-After)` \|", README, re.M))
    assert rows == {
        "x-request-id",
        "x-llmwrap-upstream",
        "x-llmwrap-attempts",
        "x-llmwrap-fault",
        "x-should-retry",
        "Retry-After",
    }
    body = {"model": "llmwrap-demo-chat", "messages": [{"role": "user", "content": ""}]}
    good = plain.post("/api/v1/chat/completions", body)
    bad = plain.post("/v1/chat/completions", body)
    assert good.headers["x-llmwrap-upstream"] == "demo-chat"
    assert good.headers["x-llmwrap-attempts"] == "1"
    assert bad.headers["x-llmwrap-fault"] == "caller"
    assert bad.headers["x-request-id"].startswith("req_")


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert {link for link in links if not (ROOT / link).is_file()} == set()
    assert "docs/architecture.md" in links


def test_one_sentence_stands_on_one_line() -> None:
    """A full stop ends a line, apart from tables and code."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S)
    lines = [line for line in prose.splitlines() if not line.startswith("|")]
    assert [line for line in lines if re.search(r"[a-z`]\. [A-Z`]", line)] == []
