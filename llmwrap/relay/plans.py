"""How one request is put to each upstream of its route: passed on, or translated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import Chat, Target, Task, TextCompletion
from llmwrap.dialects.base import Call, Dialect, Headers
from llmwrap.dialects.lazy_calls import changed
from llmwrap.errors import InvalidRequest
from llmwrap.routing import Route
from llmwrap.upstreams.upstream import Upstream

MAX_CALLS = 2048
"""One request may be so many: as many as OpenAI takes texts for vectors at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of a request, one after another, to upstreams of one kind.

    They are written one at a time, since together they may be a hundred times as long as the
    request.
    `dialect` is the upstreams'; `task` is what was translated, None where nothing had to be.
    `think_tags` is whether their thoughts come in the text.
    """

    dialect: Dialect
    calls: Sequence[Call]
    task: Task | None = None
    think_tags: bool = False

    @property
    def repeats(self) -> int:
        """How many calls in a row ask for the same prompt."""
        if isinstance(self.task, Chat):
            return len(self.calls)
        if isinstance(self.task, TextCompletion):
            return max(1, len(self.calls) // len(self.task.prompts))
        return 1


Plans = Mapping[Upstream, Plan]


def plans_of(
    dialect: Dialect, request: Request, route: Route, headers: Headers
) -> Plans:
    """A plan for each upstream that can be asked; those of one kind share one.

    `dialect` is the client's, `headers` are added to every call. InvalidRequest where the
    request cannot be put to any of them.
    """
    if not route.pool.inject_defaults:
        request = replace(request, defaults={})
    planner = _Planner(dialect, request, route, headers)
    plans = {each: plan for each in route.upstreams if (plan := planner.plan(each))}
    if not plans and planner.refused:
        raise planner.refused
    return plans


class _Planner:
    """Makes each plan once; `refused` is the first that could not be made."""

    def __init__(
        self, dialect: Dialect, request: Request, route: Route, headers: Headers
    ) -> None:
        self._dialect = dialect
        self._request = request
        self._route = route
        self._headers = headers
        self._passed: Plan | None = None
        self._task: Task | None = None
        self._translated: dict[tuple[str, Target], Plan | None] = {}
        self.refused: InvalidRequest | None = None

    def plan(self, upstream: Upstream) -> Plan | None:
        """The plan for `upstream`, None where it has no words for the request."""
        if upstream.dialect.name == self._dialect.name:
            if not self._passed:
                self._passed = self._passing_on()
            return self._passed
        kind = upstream.dialect.name, self._route.target(upstream)
        if kind not in self._translated:
            try:
                self._translated[kind] = self._translating(upstream.dialect, kind[1])
            except InvalidRequest as error:
                self._translated[kind] = None
                self.refused = self.refused or error
        return self._translated[kind]

    def _passing_on(self) -> Plan:
        request, model = self._request, self._route.upstream_model
        call = self._dialect.render_call(request, model, request.defaults)
        return Plan(self._dialect, (self._tied(call),))

    def _translating(self, dialect: Dialect, target: Target) -> Plan:
        if not self._task:
            self._task = self._dialect.read_task(self._request)
        calls = dialect.render_task(self._task, target, stream=self._request.stream)
        if len(calls) > MAX_CALLS:  # answers are bounded by the dialects, texts are not
            raise InvalidRequest(
                f"input is {len(calls)} calls of this model's server; accepted: at most"
                f" {MAX_CALLS}, which is {MAX_CALLS * target.embed_batch} texts",
                param="input",
            )
        # An answer without thoughts would be held back in vain: its first tag may be missing.
        silent = isinstance(self._task, Chat) and self._task.think is False
        think_tags = self._route.pool.settings.think_tags and not silent
        return Plan(dialect, changed(calls, self._tied), self._task, think_tags)

    def _tied(self, call: Call) -> Call:
        return replace(call, headers=(*call.headers, *self._headers))
