"""Metrics and reports: reads products, never makes them."""
