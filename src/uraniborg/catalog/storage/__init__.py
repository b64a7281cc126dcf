"""Tables as HATS: Parquet files in HEALPix partitions, with margins and an index of identifiers."""

from uraniborg.catalog.storage.hats import HatsCatalog
from uraniborg.catalog.storage.load import LoadPlan, load
from uraniborg.catalog.storage.source import HatsSource, ParquetSource

__all__ = ("HatsCatalog", "HatsSource", "LoadPlan", "ParquetSource", "load")
