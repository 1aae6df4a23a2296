"""`./run` on machines of many kinds, each with a checkout and Pythons of its own."""

import ast
import fcntl
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from tests.fakes.machine import BOOTSTRAP, FAKE_PYTHON, FAKE_UV, Machine, make_machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return make_machine(tmp_path)


def test_the_source_is_in_the_grammar_of_python_3_6() -> None:
    ast.parse(BOOTSTRAP.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_without_any_python_one_line_says_so(machine: Machine) -> None:
    (machine.home / "python3").unlink()
    result = machine.run()
    assert result.returncode == 1
    assert result.stderr == (
        "llmwrap: no Python found; install 3.11 or newer (apt install python3-venv)\n"
    )


def test_a_python_that_is_too_old_is_named_in_one_line(machine: Machine) -> None:
    machine.environ["FAKE_VERSION"] = "3 6"
    result = machine.run()
    assert result.returncode == 1
    assert result.stderr == (
        "llmwrap: needs Python 3.11 or newer, found "
        f"{machine.home}/python3 (3.6); install one (apt install python3-venv, "
        "brew install python) or name it in PYTHON\n"
    )


def test_the_newest_python_on_the_path_is_taken(machine: Machine) -> None:
    for name in "python3.11", "python3.13":
        machine.put(name, FAKE_PYTHON)
    assert f"making .venv with {machine.home}/python3.13\n" in machine.run().stderr


def test_the_python_named_by_the_environment_comes_first(machine: Machine) -> None:
    machine.put("python3.14", FAKE_PYTHON)
    machine.put("mine", FAKE_PYTHON)
    machine.environ["PYTHON"] = str(machine.home / "mine")
    assert f"making .venv with {machine.home}/mine\n" in machine.run().stderr


def test_a_program_that_only_looks_like_python_is_passed_over(
    machine: Machine,
) -> None:
    machine.put("python3.14", "#!/bin/sh\nexit 127\n")
    assert f"making .venv with {machine.home}/python3\n" in machine.run().stderr


def test_without_a_venv_module_one_line_names_the_package(machine: Machine) -> None:
    machine.environ["FAKE_BROKEN"] = "venv"
    result = machine.run()
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"llmwrap: {machine.home}/python3 cannot make a virtual environment; "
        "try: apt install python3-venv"
    )
    assert "Traceback" not in result.stderr


def test_without_ensurepip_a_pip_from_elsewhere_installs(machine: Machine) -> None:
    machine.environ["FAKE_BROKEN"] = "ensurepip"
    assert machine.run().returncode == 0
    inside = machine.checkout / ".venv" / "bin" / "python"
    (asked,) = machine.noted(" install ")
    assert asked.startswith(f"-m pip --python {inside} install ")


def test_without_a_venv_module_uv_is_asked(machine: Machine) -> None:
    machine.environ["FAKE_BROKEN"] = "venv"
    machine.put("uv", FAKE_UV)
    assert machine.run().returncode == 0
    inside = machine.checkout / ".venv" / "bin" / "python"
    (asked,) = machine.noted("uv pip")
    assert asked.startswith(f"uv pip install --python {inside} ")
    assert "--require-hashes" in asked


def test_with_an_old_python_uv_brings_its_own(machine: Machine) -> None:
    machine.environ["FAKE_VERSION"] = "3 9"
    machine.put("uv", FAKE_UV)
    assert machine.run().returncode == 0
    assert len(machine.noted("uv venv --allow-existing --python 3.12")) == 1


def test_a_read_only_checkout_is_refused_in_one_line(machine: Machine) -> None:
    # Root writes anywhere unless it gives that capability up.
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        assert setpriv is not None
        machine.before = [setpriv, "--bounding-set=-dac_override"]
    machine.checkout.chmod(0o555)
    result = machine.run()
    assert result.returncode == 1
    assert result.stderr == (
        f"llmwrap: cannot set up .venv: {machine.checkout}/.venv: Permission denied; "
        "run it in a complete checkout that you may write to\n"
    )


def test_the_first_run_installs_by_hash_and_serves(machine: Machine) -> None:
    result = machine.run()
    assert result.returncode == 0
    launcher = machine.checkout / ".venv" / "bin" / "llmwrap"
    assert result.stdout == f"handed over: {launcher} serve\n"
    steps = result.stderr.splitlines()
    assert steps[:2] == [
        f"llmwrap: making .venv with {machine.home}/python3",
        "llmwrap: installing requirements.txt",
    ]
    assert [step.startswith("llmwrap: set up in ") for step in steps[2:]] == [True]
    (asked,) = machine.noted(" install ")
    assert asked.endswith(
        "--require-hashes --only-binary :all: -r "
        f"{machine.checkout / 'requirements.txt'}"
    )


def test_the_second_run_installs_nothing_and_says_nothing(machine: Machine) -> None:
    machine.run()
    result = machine.run("key", "list")
    assert result.stderr == ""
    assert result.stdout.endswith("/.venv/bin/llmwrap key list\n")
    assert len(machine.noted(" install ")) == 1


@pytest.mark.parametrize("name", ["requirements.txt", "tools/bootstrap.py"])
def test_a_changed_lock_or_installer_installs_again(
    machine: Machine, name: str
) -> None:
    machine.run()
    with (machine.checkout / name).open("a", encoding="utf-8") as changed:
        changed.write("# changed\n")
    assert "installing requirements.txt" in machine.run().stderr
    assert len(machine.noted(" install ")) == 2
    assert len(machine.noted("-m venv")) == 1


def test_another_python_behind_the_venv_installs_again(machine: Machine) -> None:
    machine.environ["FAKE_VERSION"] = "3 12"
    machine.run()
    machine.environ["FAKE_VERSION"] = "3 11"
    machine.run()
    assert len(machine.noted(" install ")) == 2


def test_a_venv_without_stamp_is_installed_into(machine: Machine) -> None:
    machine.run()
    (machine.checkout / ".venv" / ".stamp").unlink()
    (machine.checkout / ".venv" / "mine").touch()
    assert machine.run().returncode == 0
    assert len(machine.noted(" install ")) == 2
    assert len(machine.noted("-m venv")) == 1


def test_a_venv_of_an_old_python_is_made_anew(machine: Machine) -> None:
    machine.run()
    (machine.checkout / ".venv" / ".stamp").unlink()
    (machine.checkout / ".venv" / "bin" / "version").write_text("3 9", encoding="utf-8")
    assert machine.run().returncode == 0
    assert len(machine.noted("-m venv")) == 2


def test_an_activated_venv_is_not_made_from_itself(machine: Machine) -> None:
    machine.run()
    (machine.checkout / ".venv" / ".stamp").unlink()
    (machine.checkout / ".venv" / "bin" / "pip").unlink()
    machine.environ["PATH"] = f"{machine.checkout}/.venv/bin:{machine.home}"
    assert f"making .venv with {machine.home}/python3\n" in machine.run().stderr


def test_a_checkout_that_was_moved_gets_a_new_venv(machine: Machine) -> None:
    machine.run()
    machine.checkout = machine.checkout.rename(machine.home.parent / "elsewhere")
    assert machine.run().returncode == 0
    assert len(machine.noted("-m venv")) == 2


def test_test_installs_the_development_lock_once_and_keeps_slow_tests_out(
    machine: Machine,
) -> None:
    first = machine.run("test", "-k", "x")
    assert "installing requirements.txt and requirements-dev.txt" in first.stderr
    place = machine.checkout
    spread = "-m pytest -n auto --dist loadfile"
    assert first.stdout == (
        f"handed over: {spread} -m not integration -k x in {place}\n"
    )
    everything = machine.run("test", "--all", "-x")
    assert everything.stdout == f"handed over: {spread} -x in {place}\n"
    assert machine.run().stderr == ""
    assert len(machine.noted(" install ")) == 1


def test_a_failing_pip_shows_its_last_20_lines_and_advice(machine: Machine) -> None:
    machine.environ["FAKE_BROKEN"] = "pip"
    result = machine.run()
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[2:] == [
        *(f"pip says {n}" for n in range(11, 31)),
        "llmwrap: installing failed, see above; without network, name a mirror in "
        "PIP_INDEX_URL or a folder of wheels in PIP_FIND_LINKS, then try again",
    ]


def test_a_failed_installation_is_tried_again(machine: Machine) -> None:
    machine.environ["FAKE_BROKEN"] = "pip"
    machine.run()
    machine.environ["FAKE_BROKEN"] = ""
    assert machine.run().returncode == 0
    assert len(machine.noted(" install ")) == 2


def test_what_a_failed_upgrade_left_is_not_trusted(machine: Machine) -> None:
    machine.run()
    lock = machine.checkout / "requirements.txt"
    before = lock.read_text(encoding="utf-8")
    lock.write_text("# upgraded\n", encoding="utf-8")
    machine.environ["FAKE_BROKEN"] = "pip"
    machine.run()
    lock.write_text(before, encoding="utf-8")
    machine.environ["FAKE_BROKEN"] = ""
    machine.run()
    assert len(machine.noted(" install ")) == 3


@pytest.fixture
def gate(machine: Machine, tmp_path: Path) -> Path:
    """Return a pipe: each pip goes on when its writer is opened and closed."""
    pipe = tmp_path / "gate"
    os.mkfifo(pipe)
    machine.environ["FAKE_GATE"] = str(pipe)
    return pipe


WAITING = "llmwrap: waiting for another ./run to finish the set-up\n"


def test_a_second_run_waits_for_the_first_and_installs_nothing(
    machine: Machine, gate: Path
) -> None:
    with machine.start() as first:
        writer = gate.open("w")
        with machine.start() as second:
            assert second.stderr is not None
            assert second.stderr.readline() == WAITING
            writer.close()
            assert second.communicate(timeout=30)[1] == ""
        first.communicate(timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(machine.noted(" install ")) == 1


def test_a_pip_whose_run_was_killed_is_waited_for(machine: Machine, gate: Path) -> None:
    with machine.start() as first:
        writer = gate.open("w")
        first.kill()
        first.wait()
        with machine.start() as second:
            assert second.stderr is not None
            assert second.stderr.readline() == WAITING
            writer.close()
            assert "installing" in second.stderr.readline()
            gate.open("w").close()
            assert second.wait(timeout=30) == 0
    assert len(machine.noted(" install ")) == 2


def test_the_wait_for_another_run_is_bounded(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("bootstrap", BOOTSTRAP)
    assert spec is not None
    assert spec.loader is not None
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(bootstrap.SetupError, match=r"still setting up after 0 s"):
        bootstrap.take_lock(tmp_path, 0)
    os.close(held)
