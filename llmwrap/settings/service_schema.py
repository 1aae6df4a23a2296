"""The shape of `[services.NAME]`: how one service differs from the others."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from llmwrap.settings import accepted, addresses, values
from llmwrap.settings.accepted import Flag, Text, choice
from llmwrap.settings.section import Section


class ServiceSchema(Section):
    """One of `[services.NAME]`."""

    makes: ClassVar[Callable[..., Any]] = values.ServiceSettings
    default_model = Text()
    upstream_error_status = accepted.Value(
        "0 or a status from 500 to 599",
        lambda value: type(value) is int and (value == 0 or 500 <= value <= 599),
    )
    unknown_model_code = Text("an error code such as model_not_found", str.isidentifier)
    empty_answer = choice(values.ServiceSettings, "empty_answer")
    user_input = choice(values.ServiceSettings, "user_input")
    default_temperature = accepted.number_or_none(2)
    default_top_p = accepted.number_or_none(1)
    responses = choice(values.ServiceSettings, "responses")
    allowed_origins = addresses.origins()
    open_discovery = Flag()


class OlderServiceSchema(ServiceSchema):
    """`[services.v1]`: what is not given is as in the older reference documents."""

    makes = partial(replace, values.OLDER_DOCUMENTS)


class OllamaServiceSchema(ServiceSchema):
    """`[services.ollama]`: what is not given is as Ollama's own server has it."""

    makes = partial(replace, values.OLLAMA_SERVICE)
