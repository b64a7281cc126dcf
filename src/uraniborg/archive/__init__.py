"""The Butler, ours: repositories, storage classes, ingest, visits, sky map and reference catalogues."""
