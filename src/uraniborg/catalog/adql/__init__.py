"""ADQL 2.1: text to a tree whose names are resolved, with errors that point at the character."""

from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.adql.parser import parse

__all__ = ("AdqlError", "parse")
