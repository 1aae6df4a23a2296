"""The key that signs session tokens: one file, made once, for all workers of a host."""

import os
import secrets
import stat
import tempfile
from pathlib import Path

FILE_NAME = "signing_key"
MIN_BYTES = 32
MAX_BYTES = 4096


class SigningKeyError(Exception):
    """The key cannot be made or must not be used; says why, never the key."""


def load_signing_key(data_dir: Path) -> bytes:
    """Read the signing key, made at the first call: 256 random bits as 64 hex digits.

    Workers that start together all get the same key. Raises SigningKeyError when the
    file is shorter than 32 bytes, open to group or others, or cannot be used at all.
    """
    path = data_dir / FILE_NAME
    try:
        if not path.exists():
            _create(path)
        return _read(path)
    except OSError as error:
        raise SigningKeyError(f"signing key {path}: {error.strerror}") from error


def _create(path: Path) -> None:
    """Put a complete file in place at once; who comes second leaves the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Opened with O_EXCL and mode 0600, whatever the umask.
    fd, name = tempfile.mkstemp(prefix=f".{FILE_NAME}-", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_hex(MIN_BYTES).encode())
            file.flush()
            os.fsync(fd)
        path.hardlink_to(made)
    except FileExistsError:
        pass
    finally:
        made.unlink()


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        key = file.read(MAX_BYTES)
    if mode & 0o077:
        raise SigningKeyError(
            f"signing key {path} is open to group or others (mode {mode:04o})"
        )
    if len(key) < MIN_BYTES:
        raise SigningKeyError(
            f"signing key {path} has {len(key)} bytes, at least {MIN_BYTES} are needed;"
            " delete it to have a new one made"
        )
    return key
