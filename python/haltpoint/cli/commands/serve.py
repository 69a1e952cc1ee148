"""`haltpoint serve`."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.options import by_option, database_option, json_option
from haltpoint.cli.output import Output

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName

__all__ = ["command"]

_PACKAGES = ("jinja2", "starlette", "uvicorn")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@haltpoint_command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8700, show_default=True, help="0 takes any free one.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A further name under which browsers may ask for the page; may be given several times.",
)
@click.option("--allow-erase", is_flag=True, help="Let the JSON API erase and prune runs, which nobody can undo.")
@by_option
@database_option
@json_option
def command(
    host: str, port: int, hosts: tuple[str, ...], allow_erase: bool, by: str, db_file: DatabaseName, as_json: bool
) -> None:
    """Serve the inbox page and its JSON API.

    The page shows what runs wait for, live, with forms to decide.

    Prints the address to open, with a token in it that lets in; a new one each time. What is decided there is kept as
    decided by --by. Only this machine reaches the page unless --host says otherwise: there is no encryption, so put a
    server that has it in front.
    """
    _check_packages()
    if host not in _LOOPBACK and not hosts:
        raise click.UsageError(f"to listen on {host}, say with --allow-host under which name browsers ask for the page")
    from haltpoint.inbox.app import create_app
    from haltpoint.inbox.serving import serve

    with opened(db_file) as database, _listener(host, port) as listener:
        try:
            app = create_app(database, by=by, hosts=hosts, allow_erase=allow_erase)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        address = _address(host if host in _LOOPBACK else hosts[0], listener)
        output = Output(as_json=as_json)
        if as_json:
            output.json({"address": address, "token": app.token})
        else:
            output.line(f"The inbox of {db_file} is at {address}/?token={app.token}")
            output.line("Whoever has this address decides. Ctrl-C ends it.")
        serve(app, listener)


def _check_packages() -> None:
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise CommandError(
            f"the inbox page lacks {' and '.join(missing)}: pip install 'haltpoint[cli,inbox]'", ExitCode.FAILED
        )


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CommandError(f"can't listen on {host} port {port}: {error.strerror or error}", ExitCode.FAILED) from error


def _address(host: str, listener: socket.socket) -> str:
    port: int = listener.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
