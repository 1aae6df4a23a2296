"""Prints what a request costs in Flask alone: an empty view, called without any server.

It is the measure of a machine: nginx spends its time in the kernel and llmwrap most of it in
Python, and what one of them costs says little of what the other does.
"""

import io
import time

from flask import Flask

CALLS = 200
SECONDS = 4.0
PATH = "/api/v1/chat/completions"


def main() -> None:
    """Call it for some seconds; the least is what it costs while nobody disturbs."""
    app = Flask("empty")
    app.post(PATH)(lambda: b"")
    body = b"x" * 4096
    best, until = float("inf"), time.monotonic() + SECONDS
    while time.monotonic() < until:
        started = time.process_time()
        for _ in range(CALLS):
            environ = {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": PATH,
                "SERVER_NAME": "localhost",
                "SERVER_PORT": "80",
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(body),
            }
            answer = app(environ, lambda *_: None)
            b"".join(answer)
            answer.close()
        best = min(best, (time.process_time() - started) / CALLS)
    print(f"an empty Flask view: {best * 1000:.3f} ms")


if __name__ == "__main__":
    main()
