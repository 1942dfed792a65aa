"""What can be checked before anything is sent: confirmed facts hold, inferred ones warn, and all is said at once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config import ValidationConfig
from connector.pars import vocabulary
from connector.pars.sent_under import choose_identifier
from connector.records import BirthDay, Learner, LicenceNumber, PersonName, RecordCredit, RemsAnswers
from connector.validation import activity_checks, checks
from connector.validation.activity_checks import Activity
from connector.validation.checks import Case, Sibling
from connector.validation.stage import stops

DAY, TODAY = date(2026, 3, 10), date(2026, 3, 12)
NPI = LicenceNumber("1234567893")


def learner(**changes: Any) -> Learner:
    whole = {"given_name": PersonName("Zanna"), "family_name": PersonName("Quixley"), "birth_day": BirthDay("02-29")}
    ids = {"NPI": NPI, **{board: LicenceNumber("410106") for board in vocabulary.BOARDS}}
    return Learner(**(whole | {"ids": ids} | changes))


def cme(amount: str = "1.25", **changes: Any) -> RecordCredit:
    whole = {"credit_id": "ccid:example.org:1", "kind": "cme", "certification": "AMA PRA Category 1"}
    return RecordCredit.model_construct(
        **(whole | {"amount": Decimal(amount), "board": "", "credit_type": ""} | changes)
    )


def moc(board: str = "ABIM", credit_type: str = "Medical Knowledge", amount: str = "1.25") -> RecordCredit:
    return cme(amount, kind="moc", certification=f"{board}/{credit_type}", board=board, credit_type=credit_type)


def case(credit: RecordCredit, **changes: Any) -> Case:
    whole = {
        "provider_id": "0001234",
        "activity_id": "203512345",
        "completed_on": DAY,
        "today": TODAY,
        "credit": credit,
        "learner": learner(),
        "identifier_order": ("NPI", "state"),
    }
    return Case.model_construct(**(dict.fromkeys(()) | _defaults() | whole | changes))


def _defaults() -> dict[str, Any]:
    return {"rems": None, "cme_amount": None, "siblings": (), "journal": False}


def codes(credit: RecordCredit, **changes: Any) -> dict[str, bool]:
    """The codes, each with whether it holds the credit."""
    return {problem.code: problem.holds for problem in checks.check(case(credit, **changes))}


@pytest.mark.parametrize("credit", [cme(), moc(), moc("ABS", "Accredited CME"), moc("ABTS", "")])
def test_a_good_credit_has_no_problem(credit: RecordCredit) -> None:
    assert codes(credit, cme_amount=Decimal("1.25")) == {}


def test_all_that_is_wrong_is_said_at_once_and_nothing_of_the_learner() -> None:
    bad = learner(given_name=None, family_name=PersonName("Quix\x1bley"), birth_day=BirthDay("02-30"), ids={})
    problems = checks.check(case(moc(amount="1.30"), learner=bad, provider_id="1", activity_id="2"))
    assert [problem.code for problem in problems] == [
        "config.provider_id_format",
        "mapping.activity_id_format",
        "credit.amount",
        "learner.no_name",
        "learner.text_control_character",
        "learner.birth_day_format",
        "learner.no_board_id",
    ]
    assert not [problem for problem in problems if "Quix" in str(problem) or "02-30" in str(problem)]
    assert {problem.who for problem in problems} == {"administrator", "coordinator", "learner"}


@pytest.mark.parametrize("amount", ["0", "-1", "0.10", "1.3"])
def test_credits_go_in_quarters_above_zero(amount: str) -> None:
    assert codes(cme(amount)) == {"credit.amount": True}


@pytest.mark.parametrize(("earned", "found"), [("1.25", {}), ("1.00", {"credit.moc_above_cme": True}), (None, {})])
def test_points_are_not_more_than_the_cme_credits(earned: str | None, found: dict[str, bool]) -> None:
    assert codes(moc(), cme_amount=Decimal(earned) if earned else None) == found


def test_a_date_in_the_future_waits_for_its_day() -> None:
    assert codes(cme(), completed_on=date(2026, 3, 13)) == {"credit.in_the_future": True}
    assert codes(cme(), completed_on=TODAY) == {}


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2027, 3, 31), None),
        (date(2027, 4, 1), "one of the two known reporting windows has closed"),
        (date(2028, 3, 31), "one of the two known reporting windows has closed"),
        (date(2028, 4, 1), "both known reporting windows have closed"),
    ],
)
def test_a_window_that_may_have_closed_only_warns(today: date, words: str | None) -> None:
    problems = checks.check(case(cme(), today=today))
    assert [(one.message, one.holds) for one in problems] == ([(words, False)] if words else [])


def test_a_window_of_a_leap_day_is_counted_too() -> None:
    assert codes(cme(), completed_on=date(2024, 2, 29), today=date(2026, 4, 1)) == {"credit.window": False}


# --- who the learner is ---


def test_cme_goes_under_the_first_identifier_of_the_providers_order() -> None:
    ids = {"NPI": NPI, "NY": LicenceNumber("N1"), "CA": LicenceNumber("C1"), "ABIM": LicenceNumber("410106")}
    for order, domain in ((("NPI", "state"), "NPI"), (("state", "NPI"), "CA"), ((), None)):
        chosen = choose_identifier(cme(), learner(ids=ids), order)
        assert (chosen and chosen.domain) == domain
    assert choose_identifier(moc(), learner(ids=ids), ("NPI",)).domain == "ABIM"  # type: ignore[union-attr]
    assert choose_identifier(moc("ABA"), learner(ids=ids), ("NPI",)) is None
    assert choose_identifier(cme(kind="rems"), learner(ids=ids), ("NPI",)) is None


@pytest.mark.parametrize(
    ("credit", "ids", "found"),
    [
        (cme(), {}, {"learner.no_identifier": True}),
        (cme(), {"ABIM": LicenceNumber("410106")}, {"learner.no_identifier": True}),
        (cme(), {"CA": LicenceNumber("A1")}, {}),
        (cme(), {"NPI": LicenceNumber("123456789")}, {"learner.npi_format": True}),
        (cme(), {"NPI": LicenceNumber("1234567890")}, {"learner.npi_check_digit": False}),
        (moc(), {"NPI": NPI}, {"learner.no_board_id": True}),
        (moc(), {"ABIM": NPI}, {"learner.board_id_is_npi": False}),
        (moc("ABS", "Accredited CME"), {}, {}),
        (moc("ABS", "Accredited CME"), {"ABS": LicenceNumber("pending")}, {"learner.licence_format": False}),
    ],
)
def test_a_credit_needs_the_number_of_whoever_takes_it(
    credit: RecordCredit, ids: dict[str, LicenceNumber], found: dict[str, bool]
) -> None:
    assert codes(credit, learner=learner(ids=ids)) == found


def test_a_birth_day_is_needed() -> None:
    assert codes(cme(), learner=learner(birth_day=None)) == {"learner.no_birth_day": True}


# --- boards ---


@pytest.mark.parametrize("board", ["ABO", "ABX"])
def test_a_board_that_takes_nothing_now_holds(board: str) -> None:
    assert codes(moc(board), learner=learner(ids={board: LicenceNumber("12")}))["credit.board"]


def test_an_unknown_credit_type_only_warns_as_nobody_has_seen_the_list() -> None:
    assert codes(moc("ABIM", "Wisdom")) == {"credit.type": False}
    assert codes(moc("ABIM", "medical knowledge (part II)")) == {}


def test_a_discontinued_credit_type_holds_from_the_day_on() -> None:
    assert codes(moc("ABPATH", "Self-Assessment")) == {"credit.discontinued": True}
    early = codes(moc("ABPATH", "Self-Assessment"), completed_on=date(2020, 12, 31))
    assert early == {"credit.window": False}


@pytest.mark.parametrize(
    ("board", "credit_type", "sibling", "journal", "held"),
    [
        ("ABA", "Lifelong Learning", ("ABA", "Lifelong Learning"), False, True),
        ("ABA", "Lifelong Learning", ("ABA", "Lifelong Learning"), True, True),
        ("ABA", "Lifelong Learning", ("ABA", "Patient Safety"), False, False),
        ("ABA", "Lifelong Learning", ("ABP", "Lifelong Learning"), False, False),
        ("ABP", "Lifelong Learning and Self-Assessment", ("ABP", "Lifelong Learning and Self-Assessment"), False, True),
        ("ABP", "Lifelong Learning and Self-Assessment", ("ABP", "Lifelong Learning and Self-Assessment"), True, False),
        ("ABIM", "Medical Knowledge", ("ABIM", "Medical Knowledge"), False, False),
    ],
)
def test_aba_and_abp_take_one_credit_a_date_unless_it_is_a_journal_of_abps(
    board: str, credit_type: str, sibling: tuple[str, str], journal: object, held: object
) -> None:
    siblings = (Sibling(board=sibling[0], credit_type=sibling[1]),)
    found = codes(moc(board, credit_type), siblings=siblings, journal=bool(journal))
    assert ("credit.one_per_date" in found) is held


# --- REMS ---


def test_a_rems_record_asks_for_nothing_but_the_profession() -> None:
    nobody = learner(given_name=None, family_name=None, birth_day=None, ids={})
    credit = cme("0", kind="rems", certification="REMS/Opioid Analgesic")
    for answers in (None, RemsAnswers(type="Opioid Analgesic", profession="")):
        assert codes(credit, learner=nobody, rems=answers) == {"rems.no_profession": True}
    known = RemsAnswers(type="Opioid Analgesic", profession="Physician", practice_area="Pain", state="Guam")
    assert codes(credit, learner=nobody, rems=known) == {}


def test_every_rems_answer_that_pars_does_not_know_is_named() -> None:
    credit = cme("0", kind="rems", certification="REMS/Opioid Analgesic")
    answers = RemsAnswers(
        type="Opioid Analgesic", profession="Shaman", practice_area="x", state="ME", time_in_practice=""
    )
    problems = checks.check(case(credit, rems=answers))
    assert [(one.code, one.field) for one in problems] == [
        ("rems.unknown_answer", "profession"),
        ("rems.unknown_answer", "practice_area"),
        ("rems.unknown_answer", "state"),
    ]


# --- activities ---

ACTIVITY = Activity(
    title="Update",
    start=date(2026, 1, 1),
    end=date(2026, 12, 31),
    credits=Decimal("2.00"),
    boards=("ABIM",),
    credit_claim_date=date(2026, 12, 31),
    rems_type="Opioid Analgesic",
    rems_rpc_id="EG-000001-001",
)


def activity_codes(
    credit: RecordCredit, activity: Activity | None = ACTIVITY, on: date = DAY, today: date = TODAY, rems: str = ""
) -> dict[str, bool]:
    return {one.code: one.holds for one in activity_checks.check(activity, credit, on, today, rems)}


def test_an_activity_that_pars_does_not_know_takes_nothing() -> None:
    assert activity_codes(cme(), None) == {"activity.unknown": True}
    assert activity_codes(cme()) == activity_codes(moc()) == {}


def test_a_board_needs_the_activitys_registration() -> None:
    assert activity_codes(moc("ABA")) == {"activity.not_registered": True}


def test_a_rems_record_needs_the_activitys_rems() -> None:
    rems = cme("0", kind="rems")
    assert activity_codes(rems, rems="Opioid Analgesic") == {}
    assert activity_codes(rems, rems="Mycophenolate") == {"activity.not_rems": True}


def test_a_rems_activity_without_its_grants_id_only_warns() -> None:
    bare = ACTIVITY.model_copy(update={"rems_rpc_id": ""})
    assert activity_codes(cme("0", kind="rems"), bare, rems="Opioid Analgesic") == {"activity.no_rpc_id": False}
    assert activity_codes(cme(), bare) == {}


@pytest.mark.parametrize(("on", "word"), [(date(2025, 12, 31), "before"), (date(2027, 1, 1), "after")])
def test_dates_outside_the_activity_only_warn(on: date, word: str) -> None:
    (problem,) = activity_checks.check(ACTIVITY, cme(), on, TODAY, "")
    assert (problem.code, problem.holds) == ("activity.outside_dates", False)
    assert word in problem.message


def test_more_than_the_activity_has_and_a_claim_date_that_passed_only_warn() -> None:
    assert activity_codes(cme("2.25")) == {"activity.above_maximum": False}
    assert activity_codes(moc(), today=date(2027, 1, 1)) == {"activity.claim_date": False}
    assert activity_codes(cme(), today=date(2027, 1, 1)) == {}


def test_what_the_sheet_leaves_open_is_not_checked() -> None:
    blank = ACTIVITY.model_copy(update={"start": None, "end": None, "credits": None, "credit_claim_date": None})
    assert activity_codes(moc(amount="9.00"), blank, on=date(1999, 1, 1)) == {}


# --- how strictly ---


def test_strict_holds_what_would_only_warn() -> None:
    (warning,) = activity_checks.check(ACTIVITY, cme("2.25"), DAY, TODAY, "")
    assert not stops(warning, ValidationConfig())
    assert stops(warning, ValidationConfig(strict=True))


NUMBERS = st.dictionaries(st.sampled_from(["NPI", "CA", "ABIM", "XX", ""]), st.text(max_size=11), max_size=4)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(NUMBERS, st.text(max_size=8), st.text(max_size=6), st.sampled_from([cme(), moc(), moc("ABS", "x")]))
def test_any_identity_is_judged_and_none_is_repeated(
    numbers: dict[str, str], name: str, birth: str, credit: RecordCredit
) -> None:
    person = learner(
        ids={domain: LicenceNumber(value) for domain, value in numbers.items()},
        family_name=PersonName("Qx" + name),
        birth_day=BirthDay(birth + "%"),
    )
    for problem in checks.check(case(credit, learner=person)):
        told = problem.message + problem.hint
        assert "Qx" + name not in told
        assert birth + "%" not in told
        assert all(value not in told for value in numbers.values() if len(value) > 5)
