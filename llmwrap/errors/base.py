"""What every error of the gateway has."""

from typing import ClassVar, Literal

Fault = Literal["caller", "policy", "upstream", "gateway"]

MAX_REASON = 300


class GatewayError(Exception):
    """A refusal or failure with its wire facts.

    `param` names the field at fault; `retry_after_s` is sent as whole seconds; `headers` are
    added to the answer as they are (`Allow`, `WWW-Authenticate`).
    """

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: str = "internal_error"
    fault: Fault = "gateway"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self._headers = headers

    @property
    def reason(self) -> str:
        """What the system said where it is to blame, "" for nothing: for the log alone."""
        return str(self.__cause__ or "")[:MAX_REASON]

    def answer_headers(self) -> tuple[tuple[str, str], ...]:
        """What an answer says of it in headers: whose fault it was, when to come again."""
        headers = (*self._headers, ("x-llmwrap-fault", self.fault))
        if self.retry_after_s is None:
            return headers
        return (*headers, ("Retry-After", str(max(1, round(self.retry_after_s)))))
