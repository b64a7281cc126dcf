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
    """List the ready-made surveys: what they hold, and how many files they make.

    \b
    Examples:
      uraniborg sim list
    """
    from uraniborg.sim.summary import summarise_config
    from uraniborg.sim.config import list_surveys, load_config

    for name, description in list_surveys().items():
        click.echo(f"{name:<12} {description}")
        click.echo(f"{'':<12} {summarise_config(load_config(name)).one_line}")


@sim.command()
@click.option("--config", "survey", default="tiny", show_default=True, help="Ready-made survey, or a YAML file.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write to; a run that was stopped is continued there.",
)
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Another seed than the survey's own.")
@click.option("--visits", type=click.IntRange(min=1), default=None, help="Only so many visits, the first ones.")
@click.option("--detectors", default=None, help="Only these detectors, for instance 0,1.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Number of processes.")
def night(
    survey: str, out: Path, seed: int | None, visits: int | None, detectors: str | None, jobs: int
) -> None:
    """Make all exposures of a survey, its reference catalogue and its truth tables.

    A run that was stopped, or killed, goes on where it was when the same command is given again.

    \b
    Examples:
      uraniborg sim night --config tiny --out field
      uraniborg sim night --config my-survey.yaml --out field --seed 7 -j 2
      uraniborg sim night --config sim1 --visits 1 --detectors 0,1 --out part
    """
    from uraniborg.sim.config import load_config, part_of
    from uraniborg.sim.writer import simulate_field

    config = load_config(survey)
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    config = part_of(config, visits=visits, detectors=detectors)
    field = simulate_field(config, out, jobs=jobs)
    sources = field.truth("sources")
    raws = f", {len(field.raws)} raw files" if config.raw else ""
    click.echo(f"{len(field.images)} reduced exposures{raws} and {len(sources)} sources in {field.root}")


@sim.command()
@click.option("--config", "survey", default="calib", show_default=True, help="Ready-made survey, or a YAML file.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write to; a run that was stopped is continued there.",
)
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Another seed than the survey's own.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Number of processes.")
def calib(survey: str, out: Path, seed: int | None, jobs: int) -> None:
    """Make the raw calibration sequence of a survey and the truth about its camera.

    Biases, darks, pairs of flats at a ramp of levels, flats in each band, exposures of the night sky, flats in light
    of one wavelength, spots on one amplifier after the other: as many as the survey's section ``calibration`` says.

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
    click.echo(f"{len(field.raws)} raw calibration files in {field.raw_folder}")


@sim.command()
@click.argument("survey", default="tiny")
def show(survey: str) -> None:
    """Print the configuration of a survey as YAML, or what a folder with a simulated survey holds.

    SURVEY is a ready-made survey, a YAML file to be checked, or a folder that `night` or `calib` has written.

    \b
    Examples:
      uraniborg sim show tiny > my-survey.yaml
      uraniborg sim show field
    """
    from uraniborg.sim.config import load_config

    if Path(survey).is_dir():
        from uraniborg.sim.summary import summarise_folder

        for line in summarise_folder(Path(survey)):
            click.echo(line)
        return
    click.echo(load_config(survey).to_yaml(), nl=False)
