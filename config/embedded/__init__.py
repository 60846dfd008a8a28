"""Postgres with pgvector and Valkey from their wheels, for one machine and for tests. No Django in here."""


class ServiceError(RuntimeError):
    """A service that cannot run. The message is one line that says what to do."""
