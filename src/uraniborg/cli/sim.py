"""`uraniborg sim`: make simulated surveys."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ("sim",)


@click.group()
def sim() -> None:
    """Simulate exposures with a truth table."""


@sim.command("list")
def list_command() -> None:
    """List the ready-made surveys.

    \b
    Examples:
      uraniborg sim list
    """
    from uraniborg.sim.config import list_surveys

    for name, description in list_surveys().items():
        click.echo(f"{name:<12} {description}")


@sim.command()
@click.option("--config", "survey", default="tiny", show_default=True, help="Ready-made survey, or a YAML file.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to; must be empty.")
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Another seed than the survey's own.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Number of processes.")
def night(survey: str, out: Path, seed: int | None, jobs: int) -> None:
    """Make all exposures of a survey, its reference catalogue and its truth tables.

    \b
    Examples:
      uraniborg sim night --config tiny --out field
      uraniborg sim night --config my-survey.yaml --out field --seed 7 -j 2
    """
    from uraniborg.sim.config import load_config
    from uraniborg.sim.writer import simulate_field

    config = load_config(survey)
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    field = simulate_field(config, out, jobs=jobs)
    sources = field.truth("sources")
    click.echo(f"{len(field.images)} exposures and {len(sources)} sources written to {field.root}")


@sim.command()
@click.option("--config", "survey", default="calib", show_default=True, help="Ready-made survey, or a YAML file.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to; must be empty.")
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Another seed than the survey's own.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Number of processes.")
def calib(survey: str, out: Path, seed: int | None, jobs: int) -> None:
    """Make the raw calibration sequence of a survey (bias, dark, pairs of flats) and the truth about its camera.

    \b
    Examples:
      uraniborg sim calib --config calib --out calibrations -j 2
    """
    from uraniborg.sim.config import load_config
    from uraniborg.sim.writer import simulate_calibrations

    config = load_config(survey)
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    field = simulate_calibrations(config, out, jobs=jobs)
    click.echo(f"{len(field.raws)} raw calibration files written to {field.raw_folder}")


@sim.command()
@click.argument("survey", default="tiny")
def show(survey: str) -> None:
    """Print the configuration of a survey as YAML, to be changed and given to `night`.

    \b
    Examples:
      uraniborg sim show tiny > my-survey.yaml
    """
    from uraniborg.sim.config import load_config

    click.echo(load_config(survey).to_yaml(), nl=False)
