"""The signing key: made once, whole, private; refused when it is not."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmwrap.auth.signing_key import SigningKeyError, load_signing_key


def write_key(folder, content, mode=0o600):
    path = folder / "signing_key"
    path.write_bytes(content)
    path.chmod(mode)


def test_the_first_load_makes_a_key_of_64_hex_digits(tmp_path):
    key = load_signing_key(tmp_path / "var")
    assert len(key) == 64
    assert len(bytes.fromhex(key.decode())) == 32


def test_the_file_is_private_and_alone_in_a_private_folder(tmp_path):
    folder = tmp_path / "var"
    load_signing_key(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "signing_key").stat().st_mode) == 0o600
    assert [file.name for file in folder.iterdir()] == ["signing_key"]


def test_the_file_is_private_under_a_lax_umask(tmp_path):
    before = os.umask(0)
    try:
        load_signing_key(tmp_path / "var")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "var/signing_key").stat().st_mode) == 0o600


def test_a_second_load_reads_the_same_key(tmp_path):
    assert load_signing_key(tmp_path) == load_signing_key(tmp_path)


def test_two_folders_get_two_keys(tmp_path):
    assert load_signing_key(tmp_path / "a") != load_signing_key(tmp_path / "b")


def test_a_key_of_the_operator_is_taken_byte_for_byte(tmp_path):
    write_key(tmp_path, b"0123456789abcdef0123456789abcde\n")
    assert load_signing_key(tmp_path) == b"0123456789abcdef0123456789abcde\n"


@pytest.mark.parametrize("round", range(20))
def test_workers_that_start_together_get_one_complete_key(tmp_path, round):
    folder = tmp_path / "var"
    together = threading.Barrier(8)

    def load(_):
        together.wait(10)
        return load_signing_key(folder)

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(load, range(8)))
    assert keys == {(folder / "signing_key").read_bytes()}
    assert [len(key) for key in keys] == [64]
    assert [file.name for file in folder.iterdir()] == ["signing_key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o666])
def test_a_file_open_to_others_is_refused(tmp_path, mode):
    write_key(tmp_path, b"v" * 64, mode)
    with pytest.raises(SigningKeyError, match="open to group or others") as refused:
        load_signing_key(tmp_path)
    assert f"{mode:04o}" in str(refused.value)


@pytest.mark.parametrize("size", [0, 1, 31])
def test_a_short_key_is_refused_without_showing_it(tmp_path, size):
    write_key(tmp_path, b"v" * size)
    with pytest.raises(SigningKeyError, match=f"has {size} bytes") as refused:
        load_signing_key(tmp_path)
    assert "vv" not in str(refused.value).replace(str(tmp_path), "")


def test_a_folder_that_cannot_be_made_is_a_readable_refusal(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningKeyError, match="Not a directory"):
        load_signing_key(tmp_path / "file" / "var")


def test_a_folder_in_place_of_the_file_is_a_readable_refusal(tmp_path):
    (tmp_path / "signing_key").mkdir()
    with pytest.raises(SigningKeyError, match="Is a directory"):
        load_signing_key(tmp_path)


def test_a_dangling_link_is_a_readable_refusal_and_leaves_no_file(tmp_path):
    (tmp_path / "signing_key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SigningKeyError, match="No such file"):
        load_signing_key(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["signing_key"]
