"""A failure reaches the caller as the class, code and parameter that the client knows."""

from collections.abc import Callable
from dataclasses import dataclass

import openai
import pytest
from openai import OpenAI

from tests.fakes import (
    FakeUpstream,
    Step,
    chat_answer,
    chat_chunk,
    json_answer,
    sse,
    stream,
)
from tests.sdk.places import (
    EMBED,
    GENERATING,
    PLACES,
    READER,
    READER_PASSWORD,
    OpenClient,
    Place,
    name_of,
)

ASK = [{"role": "user", "content": "Hello there"}]

each_place = pytest.mark.parametrize("place", PLACES, ids=name_of)
each_generating = pytest.mark.parametrize("place", GENERATING, ids=name_of)


def chat(client: OpenAI, model: str, **options: object) -> object:
    return client.chat.completions.create(model=model, messages=ASK, **options)


@dataclass(frozen=True)
class Refusal:
    """A call that is refused, and how the client tells of it."""

    call: Callable[[OpenAI, Place], object]
    kind: type[openai.APIStatusError]
    code: str
    param: str | None


REFUSALS = {
    "no such path": Refusal(
        lambda client, _: client.get("/nothing", cast_to=object),
        openai.NotFoundError,
        "not_found",
        None,
    ),
    "out of range": Refusal(
        lambda client, place: chat(client, place.model, temperature=3),
        openai.BadRequestError,
        "invalid_value",
        "temperature",
    ),
    "out of range, streamed": Refusal(
        lambda client, place: chat(client, place.model, top_p=2, stream=True),
        openai.BadRequestError,
        "invalid_value",
        "top_p",
    ),
    "redirecting field": Refusal(
        lambda client, place: chat(client, place.model, extra_body={"api_base": "x"}),
        openai.BadRequestError,
        "unsupported_parameter",
        "api_base",
    ),
    "no prompt": Refusal(
        lambda client, place: client.post(
            "/completions", body={"model": place.model}, cast_to=object
        ),
        openai.BadRequestError,
        "missing_required_parameter",
        "prompt",
    ),
}


@each_generating
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_refused_request(
    open_client: OpenClient, place: Place, refusal: Refusal
) -> None:
    with pytest.raises(refusal.kind) as caught:
        refusal.call(open_client(place.prefix), place)
    assert (caught.value.code, caught.value.param) == (refusal.code, refusal.param)
    assert caught.value.request_id.startswith("req_")
    assert caught.value.response.headers["x-llmwrap-fault"] == "caller"


@each_generating
def test_unknown_model(open_client: OpenClient, place: Place) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        chat(open_client(place.prefix), "gpt-99")
    assert caught.value.code == place.unknown_model_code
    assert caught.value.param == "model"
    assert place.model in caught.value.message


@pytest.mark.parametrize(
    ("prefix", "model"), [("/chat/v1", EMBED), ("/code/v1", "tiny")]
)
def test_model_of_another_service_looks_unknown(
    open_client: OpenClient, prefix: str, model: str
) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        chat(open_client(prefix), model)
    assert caught.value.code == "model_not_found"


def test_chat_with_an_embedding_model_is_a_bad_request(open_client: OpenClient) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        chat(open_client("/api/v1"), EMBED)
    assert caught.value.param == "model"


@pytest.mark.parametrize("prefix", ["/chat/v1", "/code/v1"])
def test_service_without_embeddings_has_no_such_path(
    open_client: OpenClient, prefix: str
) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        open_client(prefix).embeddings.create(model=EMBED, input="red fox")
    assert caught.value.code == "not_found"


@each_place
def test_wrong_key(open_client: OpenClient, place: Place) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        open_client(place.prefix, api_key="sk-not-the-right-one").models.list()
    assert caught.value.code == "invalid_api_key"
    assert caught.value.type == "authentication_error"
    assert caught.value.request_id.startswith("req_")


def sign_in(client: OpenAI) -> str:
    body = {"username": READER, "password": READER_PASSWORD}
    return client.post("/auths/signin", body=body, cast_to=dict[str, object])["token"]


@each_generating
def test_account_that_may_only_list(open_client: OpenClient, place: Place) -> None:
    token = sign_in(open_client("/api/v1"))
    reader = open_client(place.prefix, api_key=token)
    assert place.model in [model.id for model in reader.models.list().data]
    with pytest.raises(openai.PermissionDeniedError) as caught:
        chat(reader, place.model)
    assert caught.value.code == "forbidden"


@each_generating
def test_failing_upstream(
    open_client: OpenClient, place: Place, scripted: FakeUpstream
) -> None:
    scripted.chat(json_answer(500, {"error": {"message": "out of memory"}}))
    with pytest.raises(openai.InternalServerError) as caught:
        chat(open_client(place.prefix), place.scripted)
    assert caught.value.status_code == place.upstream_error_status
    assert caught.value.code == "upstream_error"
    assert caught.value.body["message"] == "out of memory"
    assert caught.value.response.headers["x-llmwrap-fault"] == "upstream"


@dataclass(frozen=True)
class UpstreamFailure:
    """What an upstream answers, and how the client at `/api/v1` tells of it."""

    script: list[Step]
    kind: type[openai.APIStatusError]
    status: int
    code: str


UPSTREAM_FAILURES = {
    "our key refused": UpstreamFailure(
        json_answer(401, {"error": {"message": "bad key"}}),
        openai.InternalServerError,
        502,
        "upstream_auth_failed",
    ),
    "out of quota": UpstreamFailure(
        json_answer(429, {"error": {"message": "slow down"}}),
        openai.RateLimitError,
        429,
        "upstream_rate_limited",
    ),
    "busy": UpstreamFailure(
        json_answer(503, {"error": {"message": "busy"}}),
        openai.InternalServerError,
        503,
        "overloaded",
    ),
    "too long": UpstreamFailure(
        json_answer(400, {"error": {"code": "context_length_exceeded"}}),
        openai.BadRequestError,
        400,
        "context_length_exceeded",
    ),
    "unprocessable": UpstreamFailure(
        json_answer(422, {"detail": [{"msg": "field required"}]}),
        openai.BadRequestError,
        400,
        "invalid_value",
    ),
}


@pytest.mark.parametrize("failure", UPSTREAM_FAILURES.values(), ids=UPSTREAM_FAILURES)
def test_answer_of_an_upstream_that_will_not(
    open_client: OpenClient, scripted: FakeUpstream, failure: UpstreamFailure
) -> None:
    scripted.chat(failure.script)
    with pytest.raises(failure.kind) as caught:
        chat(open_client("/api/v1"), "tiny")
    assert (caught.value.status_code, caught.value.code) == (
        failure.status,
        failure.code,
    )


def test_empty_answer_is_unprocessable_at_the_older_prefix(
    open_client: OpenClient, scripted: FakeUpstream
) -> None:
    scripted.chat(chat_answer(""))
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        chat(open_client("/v1"), "tiny")
    assert caught.value.code == "empty_response"
    assert chat(open_client("/api/v1"), "tiny").choices[0].message.content == ""


@each_generating
def test_error_in_the_middle_of_a_stream_is_raised_after_the_text(
    open_client: OpenClient, place: Place, scripted: FakeUpstream
) -> None:
    first = chat_chunk({"role": "assistant", "content": "Hel"})
    error = {"error": {"message": "out of memory", "code": 500}}
    scripted.chat(stream([sse(first), sse(error)]))
    chunks = chat(open_client(place.prefix), place.scripted, stream=True)
    assert next(chunks).choices[0].delta.content == "Hel"
    with pytest.raises(openai.APIError, match="out of memory") as caught:
        next(chunks)
    assert caught.value.code == "upstream_error"
