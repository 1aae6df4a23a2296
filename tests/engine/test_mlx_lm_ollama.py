"""Ollama's official client at `/ollama`, over a real engine: mlx-lm 0.32 as in `test_mlx_lm.py`."""

from collections.abc import Iterator

import ollama
import pytest

from tests.engine.process import Engine
from tests.gateway import Gateway

pytestmark = pytest.mark.integration

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
ASK = [{"role": "user", "content": "hi"}]


@pytest.fixture
def asking(gateway: Gateway) -> Iterator[ollama.Client]:
    url = f"{gateway.url}/ollama"
    with ollama.Client(url, trust_env=False, verify=False) as client:
        yield client


def test_chat(asking: ollama.Client) -> None:
    told = asking.chat("alphabet", ASK)
    assert (told.model, told.message.content) == ("alphabet", ALPHABET)
    assert (told.done, told.done_reason) == (True, "stop")
    assert (told.prompt_eval_count, told.eval_count) == (10, 27)
    assert told.total_duration >= told.eval_duration > 0


def test_streamed_chat(asking: ollama.Client) -> None:
    *parts, last = asking.chat("alphabet:latest", ASK, stream=True)
    assert [part.message.content for part in parts] == list(ALPHABET)
    assert {part.model for part in (*parts, last)} == {"alphabet:latest"}
    assert (last.message.content, last.done, last.done_reason) == ("", True, "stop")
    assert (last.prompt_eval_count, last.eval_count) == (10, 27)


def test_options_reach_the_engine(asking: ollama.Client) -> None:
    options = {"num_predict": 5, "temperature": 0, "num_ctx": 512, "seed": 7}
    told = asking.chat("alphabet", ASK, options=options)
    assert (told.message.content, told.done_reason) == ("abcde", "length")


def test_generation_and_raw_prompt(asking: ollama.Client) -> None:
    told = asking.generate("alphabet", "hi")
    assert (told.response, told.done_reason) == (ALPHABET, "stop")
    options = {"num_predict": 12}
    parts = asking.generate("alphabet", "7", raw=True, options=options, stream=True)
    *digits, last = parts
    assert "".join(part.response for part in digits) == "890123456789"
    assert (last.done_reason, last.eval_count) == ("length", 12)


def test_lists(asking: ollama.Client, engine: Engine) -> None:
    assert "alphabet:latest" in [model.model for model in asking.list().models]
    assert "alphabet:latest" in [model.model for model in asking.ps().models]
    shown = asking.show("alphabet")
    assert shown.capabilities == ["completion", "tools"]
    assert shown.modelinfo["general.basename"] == "alphabet"
    assert asking.chat("alphabet").done_reason == "load"
    assert asking.pull("alphabet").status == "success"


def test_refusal_of_the_engine_keeps_its_words(asking: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        asking.chat("alphabet", ASK, options={"top_p": 7.0})
    assert caught.value.status_code == 400
    assert "top_p" in caught.value.error


def test_client_that_leaves_ends_the_work_of_the_engine(
    asking: ollama.Client, engine: Engine
) -> None:
    options = {"num_predict": 8000}
    parts = asking.generate("alphabet", "0", raw=True, options=options, stream=True)
    assert next(parts).response == "1"
    said = engine.log.length
    parts.close()
    engine.log.wait_for("Broken pipe", "Connection reset", after=said)
    told = asking.generate("alphabet", "0", raw=True, options={"num_predict": 2})
    assert told.response == "12"
