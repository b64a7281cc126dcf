"""Campaigns: pipeline YAML and the drivers that run it."""
