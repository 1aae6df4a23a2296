"""What Alembic runs for every command: on the connection that `migrating` hands it."""

from alembic import context

from llmwrap.storage.records import AuditLog

context.configure(
    connection=context.config.attributes["connection"],
    # Of all tables; it has the rule by which constraints are named.
    target_metadata=AuditLog.metadata,
)
context.run_migrations()
