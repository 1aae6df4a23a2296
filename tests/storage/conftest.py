"""Every test that asks for `database` runs on both engines."""

from tests.databases import database, migrated

__all__ = ["database", "migrated"]
