"""`uraniborg skymap`: register sky maps, look up tracts and patches."""

from __future__ import annotations

from typing import Any

import click

__all__ = ("skymap",)


@click.group()
def skymap() -> None:
    """Register sky maps and look up tracts and patches."""


@skymap.command()
@click.argument("repo")
@click.argument("name")
@click.option("--rings", type=int, help="Rings between the poles; 120 if neither this nor --center is given.")
@click.option("--center", type=float, nargs=2, multiple=True, metavar="RA DEC", help="Centre of a tract; repeatable.")
@click.option("--radius", type=float, help="With one --center: radius of the field that the tract has to hold [deg].")
@click.option("--patches", type=int, help="With --center: patches along each side of a tract.")
@click.option("--ra-start", type=float, help="With --rings: centre of the first tract of each ring [deg].")
@click.option("--pixel-scale", type=float, default=0.2, show_default=True, help="Size of a pixel [arcsec].")
@click.option("--patch-size", type=int, default=4000, show_default=True, help="Width of a patch [pixel].")
@click.option("--patch-border", type=int, default=100, show_default=True, help="Border of a patch [pixel].")
@click.option("--cell-size", type=int, default=100, show_default=True, help="Width of a cell of a coadd [pixel].")
@click.option("--around", type=float, nargs=3, metavar="RA DEC RADIUS", help="Register only tracts near here [deg].")
def register(
    repo: str,
    name: str,
    rings: int | None,
    center: tuple[tuple[float, float], ...],
    radius: float | None,
    patches: int | None,
    ra_start: float | None,
    around: tuple[float, float, float] | None,
    **grid: Any,
) -> None:
    """Register the sky map NAME in REPO: rings of tracts over the whole sky, or tracts where they are wanted.

    \b
    Examples:
      uraniborg skymap register REPO rings_v1 --around 187.0 25.5 2.0
      uraniborg skymap register REPO field --center 187.03 25.56 --radius 0.1 --patch-size 1000
      uraniborg skymap register REPO rings_v1         all tracts: takes some minutes

    More tracts of a sky map can be registered later; its parameters cannot change.
    """
    from uraniborg.archive.repository import open_repository
    from uraniborg.archive.skymaps import register_skymap
    from uraniborg.model.sky_geometry import circle_region

    chosen = _make(rings, center, radius, patches, ra_start, grid)
    region = None if around is None else circle_region(*around)
    with open_repository(repo, writeable=True) as butler:
        new = register_skymap(butler, name, chosen, region=region)
    click.echo(f"sky map {name}: {chosen.n_tracts} tracts, {new} of them newly registered")


def _make(
    rings: int | None,
    center: tuple[tuple[float, float], ...],
    radius: float | None,
    patches: int | None,
    ra_start: float | None,
    grid: dict[str, Any],
) -> Any:
    from uraniborg.core.errors import UserError
    from uraniborg.model.skymap import DiscreteSkyMap, RingsSkyMap

    if center and (rings is not None or ra_start is not None):
        raise UserError("--center makes a sky map of its own tracts; leave out --rings and --ra-start")
    if not center and (radius is not None or patches is not None):
        raise UserError("--radius and --patches need --center")
    if radius is not None and (len(center) > 1 or patches is not None):
        raise UserError("--radius goes with one --center and without --patches")
    if radius is not None:
        return DiscreteSkyMap.around(*center[0], radius, **grid)
    if center:
        return DiscreteSkyMap(centers=center, patches=patches or 1, **grid)
    return RingsSkyMap(n_rings=120 if rings is None else rings, ra_start=ra_start or 0.0, **grid)


@skymap.command()
@click.argument("repo")
@click.argument("name")
@click.option("--position", type=float, nargs=2, required=True, metavar="RA DEC", help="Position [deg].")
@click.option("--radius", type=float, help="List all patches within this distance [deg].")
def find(repo: str, name: str, position: tuple[float, float], radius: float | None) -> None:
    """Find the tract and patch of a position in the sky map NAME of REPO.

    \b
    Examples:
      uraniborg skymap find REPO rings_v1 --position 187.03 25.56
      uraniborg skymap find REPO rings_v1 --position 187.03 25.56 --radius 0.1
    """
    from uraniborg.archive.repository import open_repository
    from uraniborg.archive.skymaps import load_skymap
    from uraniborg.core.errors import UserError
    from uraniborg.model.sky_geometry import circle_region

    with open_repository(repo) as butler:
        chosen = load_skymap(butler, name)
    if radius is not None:
        for patch in chosen.find_patches(circle_region(*position, radius)):
            click.echo(f"tract {patch.tract_id} patch {patch.patch_id} ({patch.x},{patch.y}) {patch.inner_bbox}")
        return
    number = int(chosen.find_tract(*position))
    if number < 0:
        raise UserError(f"position {position} lies outside of the sky map {name!r}")
    tract = chosen.tract(number)
    patch = tract.patch(int(tract.find_patch(*position)))
    x, y = (float(value) for value in tract.sky_to_pixel(*position))
    click.echo(f"tract {number} patch {patch.patch_id} ({patch.x},{patch.y}) pixel x={x:.2f} y={y:.2f}")
