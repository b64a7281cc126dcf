"""Acceptance suites: what is promised, measured by running the real productions."""
