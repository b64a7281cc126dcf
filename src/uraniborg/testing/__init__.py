"""Test kit that ships with the package: contract suites and tiny repositories."""
