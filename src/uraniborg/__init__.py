"""Uraniborg: an open, pip-installable data management system for sky surveys, on Rubin's data model."""

__all__ = ("__version__",)

__version__ = "0.1.0"
