"""The entries of OpenAI's lists of models."""

import json

from llmwrap.dialects.base import Model, Offer
from llmwrap.dialects.openai import OpenAI
from llmwrap.settings.values import PoolSettings

POOL = PoolSettings("p", "chat", ("*",), ())


def test_list_has_an_entry_for_each_offer() -> None:
    offers = [Offer(name, Model(name, 5, {}), POOL, "us") for name in ("m", "é")]
    assert json.loads(OpenAI().render_models(offers)) == {
        "object": "list",
        "data": [
            {"id": "m", "object": "model", "created": 5, "owned_by": "us", "root": "m"},
            {"id": "é", "object": "model", "created": 5, "owned_by": "us", "root": "é"},
        ],
    }


def test_entry_passes_on_the_lengths_that_clients_read() -> None:
    extra = {
        "max_model_len": 4096,
        "context_length": 8,
        "digest": "abc",
        "url": "http://x",
    }
    offer = Offer("alias", Model("m", 1, extra), POOL, "vllm")
    assert json.loads(OpenAI().render_model(offer)) == {
        "id": "alias",
        "object": "model",
        "created": 1,
        "owned_by": "vllm",
        "root": "sha256:abc",
        "max_model_len": 4096,
        "context_length": 8,
    }
