"""The built-in demo upstream: what answers while no model server is connected.

An ordinary OpenAI-compatible server on a loopback port of its own. It is never a
fallback for a real upstream that fails: canned text must not pass for a model's answer.
"""

from llmwrap.demo.pools import DEMO_OWNER, demo_pools
from llmwrap.demo.server import DemoUpstream

__all__ = ["DEMO_OWNER", "DemoUpstream", "demo_pools"]
