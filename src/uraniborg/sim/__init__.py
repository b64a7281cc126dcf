"""A sky, a camera and a night of our own making, with the truth written down."""

from uraniborg.sim.config import SimConfig, list_surveys, load_config
from uraniborg.sim.exposure import RenderedExposure, expected_image, render_exposure
from uraniborg.sim.observing import Visit, plan_visits
from uraniborg.sim.reference import make_reference_catalogue
from uraniborg.sim.sky import fluxes_at, make_sky, positions_at
from uraniborg.sim.writer import SimulatedField, load_field, simulate_calibrations, simulate_field

__all__ = (
    "SimConfig",
    "list_surveys",
    "load_config",
    "make_sky",
    "positions_at",
    "fluxes_at",
    "Visit",
    "plan_visits",
    "RenderedExposure",
    "expected_image",
    "render_exposure",
    "make_reference_catalogue",
    "SimulatedField",
    "simulate_field",
    "simulate_calibrations",
    "load_field",
)
