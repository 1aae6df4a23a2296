"""The database as requests see it: while it does not answer, one thread alone waits for it.

Everybody else learns at once that it is away, and goes on with what is remembered.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from llmwrap.errors import StorageUnavailable
from llmwrap.storage.engine import Database


class Reach:
    """A database, and whether it answered the last time; safe to share by threads.

    `trouble` is set once it stops to answer, for the thread that calls `probing` until it does
    again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._away = False
        self.trouble = threading.Event()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """As `Database.reading`; StorageUnavailable at once while the database is away."""
        with self._asking(), self._database.reading() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """As `Database.writing`; StorageUnavailable at once while the database is away."""
        with self._asking(), self._database.writing() as session:
            yield session

    @contextmanager
    def probing(self) -> Iterator[Session]:
        """As `reading`, but it asks even so; what goes well ends the trouble."""
        try:
            with self._database.reading() as session:
                yield session
        except StorageUnavailable:
            self._away = True
            raise
        self._away = False

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if self._away:
            raise StorageUnavailable("the database does not answer; try again")
        try:
            yield
        except StorageUnavailable:
            self._away = True
            self.trouble.set()
            raise
