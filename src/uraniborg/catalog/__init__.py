"""Tables at scale: spatially partitioned Parquet, query engines, ADQL."""
