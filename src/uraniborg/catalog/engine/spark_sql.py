"""Translation of a checked query to the SQL of Spark: the same walk as for DuckDB, with what Spark says otherwise."""

from __future__ import annotations

from typing import ClassVar

from uraniborg.catalog.adql.check import CheckedQuery
from uraniborg.catalog.engine.duckdb_sql import DuckDBTranslator, Relations, Translation
from uraniborg.catalog.schema import Tables

__all__ = ("SparkTranslator", "translate")


class SparkTranslator(DuckDBTranslator):
    """Names in backticks, texts with backslashes, arrays, and rows of whole numbers by ``explode``."""

    explode = "explode(sequence({0}, {1}))"
    point = "array(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))"
    casts: ClassVar[dict[str, str]] = {
        "SMALLINT": "SMALLINT", "INTEGER": "INT", "BIGINT": "BIGINT", "REAL": "FLOAT", "DOUBLE PRECISION": "DOUBLE",
        "CHAR": "STRING", "VARCHAR": "STRING", "TIMESTAMP": "TIMESTAMP",
    }  # fmt: skip

    def name(self, text: str) -> str:
        """Return a name in quotes."""
        return "`" + text.replace("`", "``") + "`"

    def text(self, value: str) -> str:
        """Return a text in quotes."""
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def truncated(self, value: str) -> str:
        """Return SQL of a number without its fraction."""
        return f"(CASE WHEN {value} < 0 THEN ceil({value}) ELSE floor({value}) END)"

    def random(self, seed: float | None) -> str:
        """Return SQL of a random number from 0 to 1."""
        return "rand()" if seed is None else f"rand({int(seed * 2**31)})"


def translate(checked: CheckedQuery, tables: Tables, source: Relations) -> Translation:
    """Return the SQL of a checked query; parameters as in `uraniborg.catalog.engine.duckdb_sql.translate`."""
    return SparkTranslator(checked.text, tables, source).translate(checked)
