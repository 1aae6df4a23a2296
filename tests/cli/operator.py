"""An operator at the command line, with a configuration and a database of its own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from click.testing import Result
from sqlalchemy import insert

from llmwrap.storage.audit import entries
from llmwrap.storage.engine import Database
from llmwrap.storage.models import User
from llmwrap.storage.users import StoredUser, add_user

PASSWORD = b"correct horse\n"

ROOT = """
[[users]]
username = "root"
email = "root@example.com"
password_hash = "scrypt:1:1:1$salt$00"
groups = ["admin"]
"""
"""A predefined user."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Calls the verbs in this process; `database` is the one that they find."""

    run: Callable[..., Result]
    config: Path
    database: Database

    def configure(self, text: str) -> None:
        """Add tables to the configuration."""
        with self.config.open("a", encoding="utf-8") as file:
            file.write(text)

    def done(self, *args: str, stdin: bytes | BytesIO = b"") -> str:
        """What a call prints that goes well."""
        result = self.run(*args, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def value(self, *args: str, stdin: bytes | BytesIO = b"") -> Any:
        """What such a call prints for programs."""
        return json.loads(self.done(*args, "--json", stdin=stdin))

    def refused(self, *args: str, stdin: bytes | BytesIO = b"") -> str:
        """What a call says that fails."""
        result = self.run(*args, stdin=stdin)
        assert (result.exit_code, result.stdout) == (1, ""), result.output
        return result.stderr.removeprefix("Error: ").removesuffix("\n")

    def seed(self, username: str = "ann", **columns: Any) -> StoredUser:
        """An account that is there already."""
        given = {"email": f"{username}@example.com", "groups": ["user"]}
        with self.database.writing() as session:
            return add_user(session, username=username, **given | columns)

    def seed_many(self, count: int, **columns: Any) -> None:
        """Accounts u0, u1 and so on; a guest was here last when it was made."""
        now = datetime.now(UTC)
        rows = [
            {
                "public_id": f"usr_{number}",
                "username": f"u{number}",
                "username_folded": f"u{number}",
                "kind": "local",
                "created_at": now,
                "updated_at": now,
                "last_active_at": now,
                **columns,
            }
            for number in range(count)
        ]
        with self.database.writing() as session:
            session.execute(insert(User), rows)

    def audited(self) -> list[tuple[str, str, str, str]]:
        """What the log has of actors, actions and resources, oldest first."""
        with self.database.reading() as session:
            return [
                (each.actor_kind, each.action, each.resource_type, each.resource_id)
                for each in reversed(entries(session, limit=100))
            ]
