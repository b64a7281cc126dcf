"""The process that answers a query; imports little, so that a new one is there at once."""
