"""The door: a rehearsal LRS, PARS and Moodle on free loopback ports, with one clock and one set of switches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import TracebackType
from typing import Any, Literal, Self

from connector.sandbox.carrier import Server
from connector.sandbox.clock import Clock
from connector.sandbox.control import Control
from connector.sandbox.faults import Switch, Switches
from connector.sandbox.lrs import app as lrs_app
from connector.sandbox.lrs.checks import check
from connector.sandbox.lrs.lrs import Lrs
from connector.sandbox.lrs.tokens import Tokens
from connector.sandbox.moodle import app as moodle_app
from connector.sandbox.moodle.site import MoodleSite, fill
from connector.sandbox.pars import app as pars_app
from connector.sandbox.pars.ledger import Violation
from connector.sandbox.pars.papers import Papers
from connector.sandbox.pars.pars import REHEARSAL, Account, Pars
from connector.sandbox.world.people import LMS
from connector.sandbox.world.world import World


@dataclass(frozen=True)
class Credentials:
    """All invented; `provider_id` is both the ACCME provider id and the web-services ProviderId."""

    lrs_user: str = "rehearsal-reader"
    lrs_password: str = "rehearsal-lrs-password"  # noqa: S105 - opens nothing but this rehearsal
    lrs_client: str = "rehearsal-client"
    lrs_secret: str = "rehearsal-client-secret"  # noqa: S105 - the same
    provider_id: str = "0001234"
    user: str = "rehearsal-user"
    password: str = "rehearsal-pars-password"  # noqa: S105 - the same
    moodle_token: str = "rehearsal-moodle-token"  # noqa: S105 - the same


class Sandbox:
    """All servers, running from `start` (or `with`) to `stop`. A given `today` stops the clock at its 18:00 UTC.

    With `own_site` the world's statements name this Moodle's own address.
    """

    def __init__(
        self,
        *,
        today: date | None = None,
        load: bool = True,
        place: pars_app.Place = "header",
        board_delay: timedelta = timedelta(hours=24),
        page_limit: int = 500,
        lrs_port: int = 0,
        pars_port: int = 0,
        moodle_port: int = 0,
        own_site: bool = False,
        system: Literal["pars", "ja-pars"] = "pars",
    ) -> None:
        self.clock = Clock(datetime.combine(today, time(18), UTC) if today else None)
        self.world = World(today or self.clock.today())
        self.switches = Switches()
        self.credentials = Credentials()
        self.lrs = Lrs(
            self.clock,
            self.switches,
            user=self.credentials.lrs_user,
            password=self.credentials.lrs_password,
            page_limit=page_limit,
        )
        self.pars = self._pars(board_delay, joint=system == "ja-pars")
        control = Control(self.pars, self.switches, self.clock)
        self._lrs_app = lrs_app.LrsApp(self.lrs, self.switches, control, self._tokens())
        self._lrs_server = Server(self._lrs_app, self.switches, self.clock, lrs_port)
        app = pars_app.ParsApp(self.pars, self.switches, control, Papers(self.pars, self.switches), place)
        self._pars_server = Server(app, self.switches, self.clock, pars_port)
        self._lrs_app.origin = f"http://127.0.0.1:{self._lrs_server.port}"
        self.moodle = MoodleSite(self.clock, self.credentials.moodle_token)
        door = moodle_app.MoodleApp(self.moodle, control)
        self._moodle_server = Server(door, self.switches, self.clock, moodle_port)
        self.moodle.address = f"http://127.0.0.1:{self._moodle_server.port}"
        fill(self.moodle, self.world, load=load)
        self._own_site = own_site
        if load:
            self.load()

    def _pars(self, board_delay: timedelta, *, joint: bool) -> Pars:
        own = self.credentials
        account = Account(own.provider_id, own.provider_id, own.user, own.password)
        world = self.world
        clock, switches = self.clock, self.switches
        return Pars(
            account, world.activities, world.learners,
            clock=clock, switches=switches, board_delay=board_delay, joint=joint,
        )  # fmt: skip

    def _tokens(self) -> Tokens:
        return Tokens(self.clock, self.credentials.lrs_client, self.credentials.lrs_secret)

    def load(self) -> None:
        """Fill the LRS with the world's statements, the odd ones included."""
        statements = self.world.statements()
        if self._own_site:
            statements = json.loads(json.dumps(statements).replace(LMS, self.moodle.address))
        self.post(statements)
        now = self.lrs.now()
        for raw in self.world.lax_statements(now):
            self.lrs.plant(raw, now)

    def post(self, statements: list[dict[str, Any]]) -> list[str]:
        """Store statements as a sender would, judged alike; their ids."""
        for statement in statements:
            check(statement)
        return self.lrs.store(statements)

    def switch(self, fault: str, **settings: Any) -> Switch:
        """Turn a fault on: side, operation, times (None is always), seconds, count, stored, message."""
        return self.switches.set(fault, **settings)

    def check(self, withdrawn: list[str] | None = None) -> list[Violation]:
        """The ledger check."""
        return self.pars.check(withdrawn)

    @property
    def lrs_url(self) -> str:
        return f"http://127.0.0.1:{self._lrs_server.port}{lrs_app.BASE}"

    @property
    def token_url(self) -> str:
        """Where the LRS's OAuth 2 clients get their tokens."""
        return f"http://127.0.0.1:{self._lrs_server.port}{lrs_app.TOKEN_PATH}"

    @property
    def pars_url(self) -> str:
        return f"http://127.0.0.1:{self._pars_server.port}{pars_app.XML_BASE}"

    @property
    def pars_json_url(self) -> str:
        return f"http://127.0.0.1:{self._pars_server.port}{pars_app.JSON_BASE}"

    @property
    def moodle_url(self) -> str:
        """The site's own address, its wwwroot; without `own_site` the world's statements name another."""
        return self.moodle.address

    @property
    def moodle_token(self) -> str:
        return self.moodle.token

    @property
    def control_url(self) -> str:
        """The rehearsal's own pages: banner, ledger, switches."""
        return f"http://127.0.0.1:{self._pars_server.port}"

    @property
    def banner(self) -> str:
        return REHEARSAL

    def start(self) -> Self:
        self._lrs_server.start()
        self._pars_server.start()
        self._moodle_server.start()
        return self

    def stop(self) -> None:
        """End all servers and all their threads, held connections included."""
        self._lrs_server.stop()
        self._pars_server.stop()
        self._moodle_server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
