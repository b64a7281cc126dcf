"""Doors of the web: they translate protocols and delegate; nothing is computed here."""
