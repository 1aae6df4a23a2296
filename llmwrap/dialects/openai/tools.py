"""The tools of a chat, and which of them must be called, between JSON and values."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from llmwrap.canonical.tasks import Chat, Tool
from llmwrap.dialects.openai.schemas import refuse
from llmwrap.errors import InvalidRequest

Choice = Literal["auto", "none", "required"]


class Tools(NamedTuple):
    """What a client says of tools; the names are those of `Chat`."""

    tools: tuple[Tool, ...]
    tool_choice: Choice
    tool_wanted: str


def read_tools(body: Mapping[str, Any]) -> Tools:
    """`tools` and `tool_choice`, or the older `functions` and `function_call`."""
    tools = [
        _read_tool(f"tools[{place}]", tool)
        for place, tool in enumerate(body.get("tools") or ())
    ]
    if asks_for_functions(body):
        functions = body["functions"]
        if not isinstance(functions, list):
            refuse("functions", functions, "an array")
        tools = [
            _read_function(f"functions[{place}]", function)
            for place, function in enumerate(functions)
        ]
        return _chosen(tools, "function_call", body.get("function_call"))
    return _chosen(tools, "tool_choice", body.get("tool_choice"))


def asks_for_functions(body: Mapping[str, Any]) -> bool:
    """Whether the client speaks of functions, as before there were tools."""
    return bool(body.get("functions")) and not body.get("tools")


def _read_tool(where: str, tool: Any) -> Tool:
    fields = tool if isinstance(tool, dict) else {}
    if fields.get("type") not in (None, "function"):
        raise InvalidRequest(
            f"{where} is no function, and this model takes no other tools", param=where
        )
    return _read_function(f"{where}.function", fields.get("function"))


def _read_function(where: str, function: Any) -> Tool:
    fields = function if isinstance(function, dict) else {}
    name = fields.get("name")
    if not isinstance(name, str) or not name:
        refuse(where, function, "an object with a name")
    parameters = fields.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        refuse(f"{where}.parameters", parameters, "a JSON schema")
    description = fields.get("description")
    extra = {key: fields[key] for key in fields if key not in _KNOWN}
    return Tool(
        name, description if isinstance(description, str) else "", parameters, extra
    )


_KNOWN = frozenset({"name", "description", "parameters"})


def _chosen(tools: list[Tool], param: str, told: Any) -> Tools:
    if isinstance(told, dict) and told.get("type") == "allowed_tools":
        return _allowed(tools, told.get("allowed_tools"))
    wanted = ""
    if told is None:
        told = "auto"
    elif isinstance(told, dict):
        wanted = _name_in(told)
        if all(tool.name != wanted for tool in tools):
            refuse(param, wanted or told, "the name of one of the tools")
        told = "required"
    if told not in ("auto", "none", "required"):
        refuse(param, told, "'auto', 'none', 'required' or a function's name")
    return Tools(tuple(tools), told, wanted)


def _allowed(tools: list[Tool], told: Any) -> Tools:
    """Only some of the tools."""
    fields = told if isinstance(told, dict) else {}
    named = fields.get("tools")
    if not isinstance(named, list):
        refuse("tool_choice.allowed_tools.tools", named, "an array")
    names = {_name_in(each) for each in named if isinstance(each, dict)}
    left = [tool for tool in tools if tool.name in names]
    return _chosen(left, "tool_choice.allowed_tools.mode", fields.get("mode"))


def _name_in(told: Mapping[str, Any]) -> str:
    """The function's name, with `function` around it or (older) without."""
    function = told.get("function", told)
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""


def render_tools(task: Chat) -> dict[str, Any]:
    """The fields that speak of tools; none without any (an empty array changes answers)."""
    if not task.tools:
        return {}
    told: dict[str, Any] = {"tools": [_render_tool(tool) for tool in task.tools]}
    if task.tool_wanted:
        function = {"name": task.tool_wanted}
        told["tool_choice"] = {"type": "function", "function": function}
    elif task.tool_choice != "auto":
        told["tool_choice"] = task.tool_choice
    return told


def _render_tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is None:
        function["parameters"] = {"type": "object", "properties": {}}
    else:
        function["parameters"] = tool.parameters
    return {"type": "function", "function": function | dict(tool.extra)}
