"""What the command line changes is felt by a running gateway, within seconds."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from tests.gateway import Gateway, serving

SETTINGS = '[auth]\nmode = "required"\n'
PASSWORD = "correct horse"
SOON_S = 5
POLL_S = 0.05

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    """What the gateway and the command line share: settings and a data folder."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "config.toml").write_text(SETTINGS)
    return {
        "LLMWRAP_CONFIG": str(folder / "config.toml"),
        "LLMWRAP__SERVER__DATA_DIR": str(folder / "data"),
    }


@pytest.fixture(scope="module")
def gateway(environ):
    with serving(SETTINGS, environ=environ) as gateway:
        yield gateway


@pytest.fixture
def llmwrap(environ):
    """Call the installed command; answers with what it prints for programs."""

    def llmwrap(*args: str, stdin: str = ""):
        done = subprocess.run(
            [Path(sys.executable).with_name("llmwrap"), *args, "--json"],
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return llmwrap


def soon(status: int, ask: Callable[[], int]) -> None:
    """Return once the answer has this status; it must in 5 seconds."""
    deadline, pause = monotonic() + SOON_S, threading.Event()
    while (answered := ask()) != status:
        assert monotonic() < deadline, answered
        pause.wait(POLL_S)


def signing_in(gateway: Gateway, name: str) -> Callable[[], int]:
    body = {"username": name, "password": PASSWORD}
    return lambda: gateway.post("/api/v1/auths/signin", body).status_code


def listing(gateway: Gateway, **headers: str) -> Callable[[], int]:
    return lambda: gateway.get("/chat/v1/models", headers=headers).status_code


def test_an_added_user_can_sign_in_and_a_blocked_one_cannot(gateway, llmwrap):
    sign_in = signing_in(gateway, "ann")
    assert sign_in() == 401

    llmwrap("user", "add", "ann", stdin=PASSWORD)
    soon(200, sign_in)

    llmwrap("user", "block", "ann")
    soon(403, sign_in)

    llmwrap("user", "unblock", "ann")
    soon(200, sign_in)


def test_a_new_key_opens_the_door_until_it_is_revoked(gateway, llmwrap):
    llmwrap("user", "add", "bob", stdin=PASSWORD)
    made = llmwrap("key", "create", "--user", "bob", "--name", "laptop")
    list_models = listing(gateway, Authorization=f"Bearer {made['key']}")

    soon(200, list_models)
    llmwrap("key", "revoke", made["id"])
    soon(401, list_models)
