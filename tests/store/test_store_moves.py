"""Which moves are legal, what forbids one of them, and that a move and its event are one thing."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session, select

from connector.records import Outcome, Verdict
from connector.store import moves
from connector.store.moves import IllegalMove, allowed, move, settle
from connector.store.session import Store
from connector.store.states import MOVES, State
from connector.store.tables import Credit, Event
from tests.store.rows import credit_in

NOW = datetime(2026, 3, 10, 18, tzinfo=UTC)
PERMISSIVE = {
    State.WITHDRAWING: {"at_pars": "yes"},
    State.HELD: {"at_pars": "no"},
    State.SENDING: {"at_pars": "no"},
}
PAIRS = [pytest.param(*pair, id=f"{pair[0]}-{pair[1]}") for pair in itertools.product(State, State)]
S = State
LEGAL, FORBIDDEN = "legal", "forbidden"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('moves')}/pars.db")
    store.upgrade()
    with store.writing() as session:
        yield session
    store.dispose()


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_move_is_made_with_its_event_or_not_at_all(session: Session, source: State, target: State) -> None:
    credit = credit_in(session, source, negatives=2, **PERMISSIVE.get(target, {}))
    about = select(Event).where(Event.subject_id == str(credit.id))
    if (source, target) in MOVES:
        move(session, credit, target, now=NOW, code="a.code", by="a test")
        [event] = session.exec(about)
        assert (event.what, event.from_state, event.to_state, event.code, event.by) == (
            ("moved", source, target, "a.code", "a test")
        )
        assert (credit.state, credit.state_since, credit.reason, credit.next_at) == (target, NOW, "a.code", None)
    else:
        with pytest.raises(IllegalMove, match=f"{source} -> {target}"):
            move(session, credit, target, now=NOW)
        assert (credit.state, session.exec(about).all()) == (source, [])


@pytest.mark.parametrize(
    ("source", "target", "values", "verdict"),
    [
        (S.READY, S.SENDING, {"wanted": "absent"}, FORBIDDEN),
        (S.READY, S.SENDING, {"at_pars": "yes"}, FORBIDDEN),
        (S.UNMATCHED, S.WITHDRAWING, {"at_pars": "no"}, FORBIDDEN),
        (S.UNMATCHED, S.WITHDRAWING, {"at_pars": "unknown"}, LEGAL),
        (S.UNMATCHED, S.HELD, {"at_pars": "yes"}, FORBIDDEN),
        (S.UNMATCHED, S.HELD, {"at_pars": "no"}, LEGAL),
        (S.REFUSED, S.HELD, {"at_pars": "unknown"}, FORBIDDEN),
        (S.CLOSED, S.HELD, {"at_pars": "yes"}, FORBIDDEN),
        (S.CLOSED, S.HELD, {"at_pars": "no"}, LEGAL),
        (S.IN_DOUBT, S.READY, {"negatives": 1}, FORBIDDEN),
        (S.IN_DOUBT, S.READY, {"negatives": 2}, LEGAL),
        (S.IN_DOUBT, S.READY, {"negatives": 2, "wanted": "absent"}, FORBIDDEN),
        (S.SENDING, S.READY, {"at_pars": "unknown"}, LEGAL),
    ],
)
def test_what_is_wanted_and_what_pars_holds_forbid_some(
    session: Session, source: State, target: State, values: dict[str, object], verdict: str
) -> None:
    assert allowed(credit_in(session, source, **values), target) is (verdict == LEGAL)


def test_every_state_but_the_last_has_a_way_out() -> None:
    assert {state for state in State if not any(source == state for source, _ in MOVES)} == {State.WITHDRAWN}
    reached = {target for _, target in MOVES}
    assert set(State) - reached == set()


def test_a_rollback_leaves_neither_move_nor_event(any_store: Store) -> None:
    with any_store.writing() as session:
        pk = credit_in(session, State.HELD).id

    def stumble() -> None:
        with any_store.writing() as session:
            move(session, session.get_one(Credit, pk), State.READY, now=NOW)
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    with any_store.reading() as session:
        assert session.get_one(Credit, pk).state == "held"
        assert session.exec(select(Event)).all() == []


def test_on_postgresql_a_row_that_another_daemon_moved_is_not_moved_over_it(postgres: object) -> None:
    store = Store(postgres())
    store.upgrade()
    with store.writing() as session:
        pk = credit_in(session, State.READY).id

    def cross() -> None:
        with store.writing() as mine:
            stale = mine.get_one(Credit, pk)
            with store.writing() as theirs:
                move(theirs, theirs.get_one(Credit, pk), State.SENDING, now=NOW)
            move(mine, stale, State.CLOSED, now=NOW)

    with pytest.raises(IllegalMove, match="ready became sending"):
        cross()
    with store.reading() as session:
        assert session.get_one(Credit, pk).state == "sending"
    store.dispose()


YES, NO, UNKNOWN = "yes", "no", "unknown"


@pytest.mark.parametrize("asked", ["by save", "by status"])
@pytest.mark.parametrize(
    ("verdict", "code", "by_save", "by_read", "at_pars"),
    [
        (Verdict.ACCEPTED, "", "confirmed", "confirmed", YES),
        (Verdict.TAKEN, "", "pending", "confirmed", YES),
        (Verdict.REJECTED, "pars.unspecified", "rejected", "rejected", YES),
        (Verdict.REJECTED, "pars.no_match", "unmatched", "unmatched", YES),
        (Verdict.REFUSED, "pars.invalid_data", "refused", "refused", NO),
        (Verdict.REFUSED, "pars.several_matches", "unmatched", "unmatched", NO),
        (Verdict.EXISTS, "pars.already_exists", "in_doubt", "in_doubt", UNKNOWN),
        (Verdict.UNREADABLE, "pars.unreadable", "in_doubt", "in_doubt", UNKNOWN),
    ],
)
def test_what_pars_says_of_a_cme_credit_decides_where_it_stands(
    session: Session, verdict: Verdict, code: str, by_save: str, by_read: str, at_pars: str, asked: str
) -> None:
    credit = credit_in(session, State.SENDING)
    answer = Outcome(credit_id=credit.credit_id, verdict=verdict, code=code, status="S", reason="R", words="W")
    settle(session, credit, answer, now=NOW, by_status=asked == "by status", by="a test")
    assert (credit.state, credit.at_pars) == (by_read if asked == "by status" else by_save, at_pars)
    assert (credit.pars_status, credit.pars_reason, credit.pars_words) == ("S", "R", "W")


def test_a_status_read_confirms_no_credit_that_waits_for_a_board(session: Session) -> None:
    credit = credit_in(session, State.IN_DOUBT, kind="moc", board="ABIM")
    settle(session, credit, said(credit, Verdict.TAKEN), now=NOW, by_status=True, by="a test")
    assert credit.state == "pending"


def test_what_the_board_has_confirmed_stays_confirmed_until_it_says_no(session: Session) -> None:
    credit = credit_in(session, State.CONFIRMED, kind="moc", board="ABIM")
    settle(session, credit, said(credit, Verdict.TAKEN), now=NOW, by_status=True, by="a test")
    assert credit.state == "confirmed"
    settle(session, credit, said(credit, Verdict.REJECTED, "pars.no_match"), now=NOW, by_status=True, by="a test")
    assert credit.state == "rejected"


def said(credit: Credit, verdict: Verdict, code: str = "") -> Outcome:
    return Outcome(credit_id=credit.credit_id, verdict=verdict, code=code)


def test_only_moves_py_writes_a_state() -> None:
    """The sandbox keeps a ledger of its own and knows nothing of ours."""
    rooms = [path for path in Path(moves.__file__).parents[1].rglob("*.py") if "sandbox" not in path.parts]
    writes = re.compile(r"\b(credit|fresh|row|one)\.state = ")
    assert [path.name for path in rooms if writes.search(path.read_text(encoding="utf-8"))] == ["moves.py"]
