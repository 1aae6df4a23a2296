"""Names in the WSGI environ by which a server that drives relays and the views hand over."""

RELAY_WANTED = "llmwrap.relay_wanted"
"""Set by a server that drives relays itself."""

BODY = "llmwrap.body"
"""The whole body, bytes, from a server that has read it within our limit."""

RELAY = "llmwrap.relay"
"""Where the view leaves the relay for such a server, instead of an answer."""

REFUSED = "llmwrap.refused"
"""An error of the request's reading, to be answered like any other (a GatewayError)."""
