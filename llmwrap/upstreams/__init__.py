"""Where models run: upstreams, the pools they form, what they serve, and blocking calls to them."""
