"""From cells to a Learner: what is clear is read, what is not is left for a person."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config import LearnersConfig
from connector.learners import rems
from connector.learners.claiming import without_unlinked
from connector.learners.directory import Answers
from connector.learners.eligibility import gate
from connector.learners.sources.fields import birth_day, consent, ids, learner
from connector.learners.sources.rows import cells, keys_of
from connector.records import (
    ActorKey,
    BirthDay,
    Consent,
    CreditOffer,
    Found,
    Learner,
    LicenceNumber,
    PersonName,
    RemsAnswers,
)
from tests.learners.middle import ANNA, SITE, Middle


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("02-29", "02-29"),
        ("9/10", "09-10"),
        ("9-10", "09-10"),
        ("9/10/1980", "09-10"),
        ("1980-02-29", "02-29"),
        ("1980-02-29T00:00:00Z", "02-29"),
    ],
)
def test_month_and_day_are_kept_without_the_year(text: str, kept: str) -> None:
    assert birth_day(text).get_secret_value() == kept
    assert birth_day(text).is_valid


@pytest.mark.parametrize("text", ["10-Sep", "Sep-10", "9/10/80", "29.2.", "44806", "?", "13/05", "02-30"])
def test_what_excel_made_of_a_birth_day_is_not_guessed(text: str) -> None:
    assert not birth_day(text).is_valid


def test_control_characters_are_in_no_field_and_in_no_actor(place: Middle) -> None:
    told = cells({**ANNA, "given_name": "Zan\x00na", "npi": "123456\x7f7893", "username": "an\x00na"}, SITE)
    person = learner(told, "http:x")
    assert (person.given_name, person.ids["NPI"]) == (PersonName("Zanna"), LicenceNumber("1234567893"))
    assert keys_of(told) == keys_of(cells(ANNA | {"username": ""}, SITE))
    assert keys_of({**told, "email": "an\x00na@example.org", "home_page": f"{SITE}\x01"}) == []
    odd, plain = ActorKey(f"account:{SITE}|an\x00na"), ActorKey("mbox:anna@example.org")
    answers = Answers([dict.fromkeys([odd, plain], Found(learner=person, keys=(odd, plain)))])
    with place.store.reading() as session:
        assert without_unlinked(session, answers, [odd, plain]).keys() == {plain}


def test_a_birth_day_shows_itself_to_nobody() -> None:
    assert "02" not in repr(learner({"birth_day": "02-29"}, "csv:x"))


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"npi": "1234567893"}, {"NPI": "1234567893"}),
        ({"state": "ca", "licence": "00123"}, {"CA": "00123"}),
        ({"state": "Maine;new  york", "licence": "1;2"}, {"ME": "1", "NY": "2"}),
        ({"state": "CA;;NY", "licence": "1;;2"}, {"CA": "1", "NY": "2"}),
        ({"board": "ABPath", "board_id": "9"}, {"ABPATH": "9"}),
        ({"state": "CA;NY", "licence": "1"}, {}),
        ({"state": "CA", "licence": "1;2"}, {}),
        ({"state": "CA", "licence": ""}, {}),
        ({"board": "", "board_id": "410106"}, {}),
    ],
)
def test_numbers_go_to_their_domain_and_to_no_other(cells: dict[str, str], found: dict[str, str]) -> None:
    assert {domain: value.get_secret_value() for domain, value in ids(cells).items()} == found


@pytest.mark.parametrize(
    ("word", "given"),
    [("yes", True), (" TRUE ", True), ("x", True), ("No", False), ("withdrawn", False), ("maybe", False), ("", None)],
)
def test_only_a_yes_is_a_permission_and_an_empty_cell_says_nothing(word: str, given: object) -> None:
    found = consent({"consent": word, "consent_at": "2026-01-05 or so"}, "csv:x")
    assert (found and found.given) == given


def test_every_value_remembers_where_it_came_from() -> None:
    cells = {"given_name": "A", "family_name": "B", "birth_day": "01-02", "profession": "MD", "consent": "yes"}
    whole = learner(cells | {"npi": "1", "consent_at": "2026-01-05", "rems_practice_area": "Pain"}, "csv:x")
    assert set(whole.origins) == {
        "given_name", "family_name", "birth_day", "profession", "consent", "NPI", "rems",
    }  # fmt: skip
    assert set(whole.origins.values()) == {"csv:x"}
    assert whole.consent
    assert str(whole.consent.at) == "2026-01-05"
    assert learner({}, "csv:x") == Learner()


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["birth_day", "npi", "state", "licence", "consent"]), st.text(max_size=12)))
def test_any_cells_make_a_learner(cells: dict[str, str]) -> None:
    assert isinstance(learner(cells, "csv:x"), Learner)


# --- who is eligible ---


def offer(kind: str) -> CreditOffer:
    name = {"cme": "AMA PRA Category 1", "moc": "ABIM", "rems": "REMS/Mycophenolate"}[kind]
    return CreditOffer.model_construct(kind=kind, certification=name)


def judged(kind: str = "cme", *, found: bool = True, **values: object) -> list[tuple[str, str]]:
    person = Learner(**({"profession": "MD", "consent": Consent(given=True)} | values))  # type: ignore[arg-type]
    return [(problem.code, problem.who) for problem in gate(person, offer(kind), LearnersConfig(), found=found)]


def test_a_known_physician_who_consented_passes() -> None:
    assert judged() == judged("moc") == judged(profession="do") == []


def test_everything_that_is_missing_is_said_at_once_with_who_must_act() -> None:
    assert judged(profession="", consent=None) == [
        ("learner.no_consent", "learner"),
        ("learner.no_profession", "coordinator"),
    ]


def test_of_somebody_unknown_only_that_is_said() -> None:
    assert judged(found=False, profession="", consent=None) == [("learner.not_found", "coordinator")]


def test_a_permission_that_was_withdrawn_is_told_from_one_that_never_was() -> None:
    withdrawn = gate(Learner(consent=Consent(given=False)), offer("cme"), LearnersConfig(), found=True)[0]
    never = gate(Learner(), offer("cme"), LearnersConfig(), found=True)[0]
    assert "withdrawn" in withdrawn.message
    assert "no permission" in never.message


@pytest.mark.parametrize("kind", ["cme", "moc"])
def test_nurses_and_physician_assistants_are_not_eligible(kind: str) -> None:
    assert [judged(kind, profession=one) for one in ("NP", "pa")] == [[("learner.not_eligible", "coordinator")]] * 2


def test_who_is_eligible_for_what_is_a_setting() -> None:
    settings_ = LearnersConfig(cme_professions=("MD", "PA"))
    person = Learner(profession="PA", consent=Consent(given=True))
    assert gate(person, offer("cme"), settings_, found=True) == []
    assert [one.code for one in gate(person, offer("moc"), settings_, found=True)] == ["learner.not_eligible"]


def test_a_rems_record_passes_without_anything() -> None:
    assert gate(Learner(), offer("rems"), LearnersConfig(), found=False) == []


# --- REMS answers ---

SAID = RemsAnswers(type="Opioid Analgesic", profession="")


def test_the_directory_completes_what_the_statement_did_not_say() -> None:
    known = {"practice_area": "Substance Use Disorder", "state": "me", "surgical_procedures": "No"}
    known |= {"dea_registration": "Individual", "time_in_practice": "21+ years"}
    done = rems.complete(SAID, Learner(profession="np", rems=known))
    assert done == RemsAnswers(
        type="Opioid Analgesic",
        profession="Advanced practice nurse",
        practice_area="Addiction",
        state="Maine",
        dea_registration="Individual",
        surgical_procedures=False,
        time_in_practice="21+ years",
    )


def test_the_statements_own_answers_win() -> None:
    said = SAID.model_copy(update={"profession": "Pharmacist", "surgical_procedures": True, "state": "GU"})
    known = {"surgical_procedures": "no", "state": "CA"}
    done = rems.complete(said, Learner(profession="MD", rems=known))
    assert (done.profession, done.surgical_procedures, done.state) == ("Pharmacist", True, "Guam")


@pytest.mark.parametrize(("profession", "told"), [("Dentist", "Dentist"), ("shaman", ""), ("", "")])
def test_a_profession_that_rems_does_not_know_stays_open(profession: str, told: str) -> None:
    done = rems.complete(SAID, Learner(profession=profession, rems={"surgical_procedures": "sometimes"}))
    assert (done.profession, done.surgical_procedures) == (told, None)


def test_every_profession_of_ours_is_one_of_theirs() -> None:
    assert set(rems.PROFESSIONS.values()) <= set(rems.REMS_PROFESSIONS)


def test_a_birth_day_is_masked() -> None:
    assert "09" not in str(BirthDay("09-10"))
