"""The way of one model request, from the first attempt to the last byte. Sans-IO."""

from llmwrap.relay.job import Terms
from llmwrap.relay.relay import Relay

__all__ = ["Relay", "Terms"]
