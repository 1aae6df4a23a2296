"""What a model of one kind is not asked for."""

from typing import Any

import pytest

from llmwrap.canonical.messages import Request
from llmwrap.dialects.kinds import check_kind
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import Kind


@pytest.mark.parametrize(
    ("kind", "operation", "what"),
    [
        ("chat", "embeddings", "no embedding model"),
        ("code", "embeddings", "no embedding model"),
        ("embed", "chat", "an embedding model"),
        ("embed", "text_completion", "an embedding model"),
    ],
)
def test_wrong_operation_for_the_kind_is_400(
    kind: Kind, operation: Any, what: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_kind(Request(operation, "m", False, {}), kind)
    assert (caught.value.status, caught.value.param) == (400, "model")
    assert (
        caught.value.message == f"model 'm' is {what} and cannot serve this operation"
    )


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("chat", "chat"),
        ("code", "chat"),
        ("code", "text_completion"),
        ("embed", "embeddings"),
    ],
)
def test_right_operation_for_the_kind_passes(kind: Kind, operation: Any) -> None:
    check_kind(Request(operation, "m", False, {}), kind)
