"""Tables of users: made, loaded, shared, counted against a quota, and forgotten after a time."""

from uraniborg.catalog.userdb.tables import UserTable, UserTables

__all__ = ("UserTable", "UserTables")
