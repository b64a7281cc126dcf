"""Alert packets: schema, stamps, packing, files."""

from uraniborg.alerts.container import ValidationReport, read_alerts, validate_alerts, write_alerts, write_encoded
from uraniborg.alerts.cutouts import Cutout, Plane, encode_cutout, read_cutout
from uraniborg.alerts.encoded import encode_packets
from uraniborg.alerts.packet import Cutouts, VisitContext, build_packets, table_records
from uraniborg.alerts.schema import AlertField, AlertSchema, latest_schema
from uraniborg.alerts.stamps import encode_cutouts
from uraniborg.alerts.wire import frame, unframe

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
    "encode_cutouts",
    "encode_packets",
    "frame",
    "latest_schema",
    "read_alerts",
    "read_cutout",
    "table_records",
    "unframe",
    "validate_alerts",
    "write_alerts",
    "write_encoded",
)
