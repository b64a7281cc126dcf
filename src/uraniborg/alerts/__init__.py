"""Alert packets: schema, stamps, packing, files."""

from uraniborg.alerts.container import ValidationReport, read_alerts, validate_alerts, write_alerts
from uraniborg.alerts.cutouts import Cutout, Plane, encode_cutout, read_cutout
from uraniborg.alerts.packet import Cutouts, VisitContext, build_packets, table_records
from uraniborg.alerts.schema import AlertField, AlertSchema, latest_schema

__all__ = (
    "AlertField",
    "AlertSchema",
    "Cutout",
    "Cutouts",
    "Plane",
    "ValidationReport",
    "VisitContext",
    "build_packets",
    "encode_cutout",
    "latest_schema",
    "read_alerts",
    "read_cutout",
    "table_records",
    "validate_alerts",
    "write_alerts",
)
