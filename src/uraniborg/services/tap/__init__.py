"""TAP 1.1: ADQL over HTTP, at once or as jobs."""
