"""`uraniborg serve`: a catalogue for TAP clients and browsers."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ("serve",)


@click.command()
@click.option("-b", "--catalog", "folder", required=True, metavar="DIR", help="Folder with HATS catalogues.",
              type=click.Path(file_okay=False, path_type=Path))  # fmt: skip
@click.option("--state", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for jobs and tables of users.  [default: DIR/.service]")  # fmt: skip
@click.option("--schema", default="release", show_default=True, help="Schema that the tables are in.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="One more name of this service; repeatable.")
@click.option("--anonymous/--no-anonymous", default=None, help="Whether callers need no token.  [default: on loopback]")
@click.option(
    "--upload-host",
    "upload_hosts",
    multiple=True,
    metavar="NAME",
    help="Private host that uploads may come from; repeatable.",
)
@click.option("--interactive", type=click.IntRange(1), default=2, show_default=True, help="Processes, quick queries.")
@click.option("--heavy", type=click.IntRange(1), default=1, show_default=True, help="Processes, heavy queries.")
@click.option("--new-user", metavar="NAME", help="Make a user, show his token, and end.")
def serve(
    folder: Path,
    state: Path | None,
    schema: str,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    anonymous: bool | None,
    upload_hosts: tuple[str, ...],
    interactive: int,
    heavy: int,
    new_user: str | None,
) -> None:
    """Serve the catalogues of a folder: TAP 1.1, cone search, tables of users, and a page for browsers.

    \b
    Examples:
      uraniborg serve -b hats
      uraniborg serve -b hats --new-user tycho
      uraniborg serve -b hats --host 0.0.0.0 --allow-host tap.example.org
    """
    from uraniborg.catalog.pools import PoolPlan
    from uraniborg.services.config import ServiceConfig, is_loopback
    from uraniborg.services.identity import Users

    config = ServiceConfig(
        folder, state or folder / ".service", schema=schema, host=host, port=port, hosts=hosts,
        upload_hosts=("*", *upload_hosts), anonymous=is_loopback(host) if anonymous is None else anonymous,
    )  # fmt: skip
    if new_user is not None:
        click.echo(Users(config.state / "users.json", anonymous=False).add(new_user))
        return
    from uraniborg.services.server import serve as serve_catalogue

    def started(address: str) -> None:
        click.echo(f"serving {folder} at {address}/  (TAP: {address}/tap; stop with Ctrl-C)")

    serve_catalogue(config, PoolPlan(interactive=interactive, heavy=heavy), started=started)
