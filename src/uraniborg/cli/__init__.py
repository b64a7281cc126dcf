"""The `uraniborg` command; imports lazily so that help is quick."""
