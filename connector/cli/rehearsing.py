"""The commands that need nothing and reach nobody: demo and sandbox."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Literal

import click

from connector import terminal
from connector.cli.work import plainly
from connector.errors import NeedsOperator


@click.command()
@click.option("--folder", default=".demo", show_default=True, type=click.Path(path_type=Path), help="Where it works.")
@click.option(
    "--channel", default="xml-service", show_default=True, type=click.Choice(["xml-service", "json-service"]),
    help="The service of PARS to rehearse.",
)  # fmt: skip
@plainly
def demo(folder: Path, channel: str) -> int:
    """Rehearse the whole job on invented data.

    There is nothing to install, and nothing leaves this machine.
    On a terminal the daemon stays up afterwards until Ctrl-C.

    \b
    pars-connector demo
    pars-connector demo --channel json-service
    """
    from connector.demo import show

    return show.run(folder, channel, stay=sys.stdin.isatty() and sys.stdout.isatty())


@click.command()
@click.option("--lrs-port", default=0, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option("--pars-port", default=0, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option("--moodle-port", default=0, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option("--empty", is_flag=True, help="Without the invented statements.")
@click.option("--own-site", is_flag=True, help="The statements name this Moodle's address as their site.")
@click.option(
    "--system", default="pars", show_default=True, type=click.Choice(["pars", "ja-pars"]), help="Which to rehearse."
)
@plainly
def sandbox(
    lrs_port: int, pars_port: int, moodle_port: int, *, empty: bool, own_site: bool, system: Literal["pars", "ja-pars"]
) -> None:
    """Start the rehearsal LRS, PARS and Moodle on loopback.

    They run until Ctrl-C.

    \b
    pars-connector sandbox
    pars-connector sandbox --lrs-port 8080 --pars-port 8081 --empty
    """
    from connector.sandbox.server import Sandbox

    try:
        servers = Sandbox(
            load=not empty,
            lrs_port=lrs_port,
            pars_port=pars_port,
            moodle_port=moodle_port,
            own_site=own_site,
            system=system,
        )
    except OSError as error:
        hint = "name another port, or 0 for a free one"
        raise NeedsOperator("web.port_taken", f"cannot be used: {error.strerror}", hint) from None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with servers:
        own = servers.credentials
        login = f"ProviderId {own.provider_id}, User {own.user}, Password {own.password}"
        terminal.say(servers.banner)
        terminal.say(f"LRS            {servers.lrs_url}   user {own.lrs_user}, password {own.lrs_password}")
        terminal.say(f"LRS, OAuth 2   {servers.token_url}   client {own.lrs_client}, secret {own.lrs_secret}")
        terminal.say(f"PARS, XML      {servers.pars_url}   {login}")
        terminal.say(f"PARS, JSON     {servers.pars_json_url}")
        terminal.say(f"Moodle         {servers.moodle_url}   token {own.moodle_token}")
        terminal.say(f"uploads        {servers.control_url}/upload/learners")
        terminal.say(f"faults, ledger {servers.control_url}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            terminal.say("ended")


COMMANDS = (demo, sandbox)
