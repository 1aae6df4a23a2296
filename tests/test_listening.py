"""Whether an address can be listened on: asked without keeping it."""

import os
import socket
import threading
from pathlib import Path

import pytest

from llmwrap.listening import AddressUnusable, inherited, require_free, written


def test_free_port_is_left_free() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        require_free(f"127.0.0.2:{port}")
        require_free(f"127.0.0.2:{port}")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_port_that_somebody_listens_on_is_in_use(host: str) -> None:
    """So it is for an address that has the other in it."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        bind = f"{host}:{holder.getsockname()[1]}"
        with pytest.raises(AddressUnusable) as caught:
            require_free(bind)
    assert str(caught.value) == f"{bind} is in use; set server.bind"


def test_port_whose_holder_is_closing_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        bind = f"127.0.0.1:{holder.getsockname()[1]}"
        threading.Timer(0.1, holder.close).start()
        require_free(bind, patience_s=20)


def test_file_is_left_away_and_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    require_free(f"unix:{path}")
    assert not path.exists()
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(str(path))
    require_free(f"unix:{path}")
    assert path.is_socket()


def test_address_that_cannot_be_had_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for bind, why in (
        (f"unix:{tmp_path}/none/s", "No such file or directory"),
        (f"unix:{tmp_path}/file", "it is no socket"),
        (f"unix:{tmp_path}/{'s' * 200}", "AF_UNIX path too long"),
        ("192.0.2.1:8000", "Cannot assign requested address"),
    ):
        with pytest.raises(AddressUnusable) as caught:
            require_free(bind)
        expected = f"{bind} cannot be listened on: {why}; set server.bind"
        assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("address", "bind"),
    [
        (("127.0.0.1", 80), "127.0.0.1:80"),
        (("::1", 80, 0, 0), "[::1]:80"),
        ("/run/s", "unix:/run/s"),
    ],
)
def test_address_is_written_as_in_the_settings(address: object, bind: str) -> None:
    assert written(address) == bind


def test_sockets_of_another_process_are_told_by_its_variables() -> None:
    assert inherited({"LISTEN_PID": str(os.getpid())})
    assert inherited({"GUNICORN_FD": "3"})
    assert not inherited({"LISTEN_PID": "1"})
