"""The database: its tables, its migrations, one session per operation, plain functions.

Nothing of SQLAlchemy leaves this package but the Session that a caller hands back in; what
comes out are frozen values.
"""
