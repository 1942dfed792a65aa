"""The XML dialect: order and types by our own XSD, every name survives, and what must not leave is held."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pars_samples import (
    CREATED,
    HARD_NAMES,
    SCHEMA,
    credit,
    identifier,
    learner,
    moc,
    record,
    records_,
    rems_record,
    rems_records,
)

from connector.pars import report_xml
from connector.pars.exchange import CannotSend, LearnerQuery
from connector.pars.wire.services import Regulation, XmlWire
from connector.records import BirthDay, LearnerRecord

WIRE = XmlWire()
NS = {
    "a": "http://ns.medbiq.org/activityreport/v1/",
    "m": "http://ns.medbiq.org/member/v1/",
    "n": "http://ns.medbiq.org/name/v1/",
    "hx": "http://ns.medbiq.org/lom/extend/v1/",
}


def rendered(*records: LearnerRecord, wire: XmlWire = WIRE) -> etree._Element:
    return etree.fromstring(report_xml.render(records, wire, CREATED).body)


def texts(root: etree._Element, path: str) -> list[str]:
    return [found if isinstance(found, str) else found.text or "" for found in root.xpath(path, namespaces=NS)]


def text(root: etree._Element, path: str) -> str:
    (found,) = texts(root, path)
    return found


def test_the_document_of_wire_md():
    body = report_xml.render([record(credit(), moc())], WIRE, CREATED).body.decode()
    declaration, document = body.split("\n", 1)
    assert declaration == "<?xml version='1.0' encoding='UTF-8'?>"
    assert document == (
        '<ACCMELearnerReports><ActivityReports xmlns="http://ns.medbiq.org/activityreport/v1/"'
        ' xmlns:m="http://ns.medbiq.org/member/v1/" xmlns:n="http://ns.medbiq.org/name/v1/"'
        ' xmlns:hx="http://ns.medbiq.org/lom/extend/v1/">'
        "<DateTimeCreated>2026-03-02T08:00:00</DateTimeCreated>"
        "<ActivityReport><ReportingOrganization>Example Provider</ReportingOrganization>"
        "<Member><m:Name><n:GivenName>Ana</n:GivenName><n:FamilyName>Doe</n:FamilyName></m:Name>"
        "<m:PersonalInfo><m:BirthDate>1904-09-10</m:BirthDate></m:PersonalInfo></Member>"
        "<Activity><ProviderOrganization>0001234</ProviderOrganization>"
        '<Module><ModuleName moduleID="203500000">Heart &amp; lung</ModuleName><Status>Completed</Status>'
        "<CompletedDateTime>2026-03-01T00:00:00</CompletedDateTime>"
        '<CreditCertificate><UniqueID domain="NPI">1234567893</UniqueID>'
        "<CreditReceived><hx:activityCertification>AMA PRA Category 1</hx:activityCertification>"
        "<hx:creditUnit>Point</hx:creditUnit><hx:numberOfCredits>1.25</hx:numberOfCredits></CreditReceived>"
        "<CreditID>ccid:example.org:c1</CreditID></CreditCertificate>"
        '<CreditCertificate><UniqueID domain="ABIM">123456</UniqueID>'
        "<CreditReceived><hx:activityCertification>Medical Knowledge</hx:activityCertification>"
        "<hx:creditUnit>Point</hx:creditUnit><hx:numberOfCredits>1.25</hx:numberOfCredits></CreditReceived>"
        "<CreditID>ccid:example.org:c2</CreditID></CreditCertificate>"
        "</Module></Activity>"
        "<XtensibleInfo><LearnerRecordAction>add</LearnerRecordAction></XtensibleInfo>"
        "</ActivityReport></ActivityReports></ACCMELearnerReports>"
    )


@given(records_())
@settings(max_examples=60, deadline=None)
def test_any_record_is_valid_and_comes_back_as_it_was(one):
    root = rendered(one)
    SCHEMA.assertValid(root)
    assert text(root, "//n:GivenName") == one.learner.given_name.get_secret_value()
    assert text(root, "//n:FamilyName") == one.learner.family_name.get_secret_value()
    assert text(root, "//m:BirthDate") == f"1904-{one.learner.birth_day.get_secret_value()}"
    assert text(root, "//a:ReportingOrganization") == one.provider_name
    assert text(root, "//a:ModuleName") == one.activity_title
    assert text(root, "//a:LearnerRecordAction") == one.action
    assert texts(root, "//a:CreditID") == [credit.credit_id for credit in one.credits]
    assert texts(root, "//a:UniqueID") == [credit.identifier.value.get_secret_value() for credit in one.credits]
    assert texts(root, "//a:UniqueID/@domain") == [credit.identifier.domain for credit in one.credits]
    assert [Decimal(amount) for amount in texts(root, "//hx:numberOfCredits")] == [c.amount for c in one.credits]


@given(st.lists(records_(), min_size=2, max_size=5), st.sampled_from(["add", "delete"]))
@settings(max_examples=25, deadline=None)
def test_a_file_of_many_records_is_valid_and_keeps_each_to_itself(drawn, action):
    numbers = count()
    many = [
        one.model_copy(
            update={
                "action": action,
                "credits": tuple(
                    found.model_copy(update={"credit_id": f"ccid:example.org:{next(numbers)}"}) for found in one.credits
                ),
            }
        )
        for one in drawn
    ]
    root = rendered(*many)
    SCHEMA.assertValid(root)
    reports = root.xpath("//a:ActivityReport", namespaces=NS)
    assert [texts(one, ".//a:CreditID") for one in reports] == [
        [credit.credit_id for credit in one.credits] for one in many
    ]
    assert texts(root, "//a:LearnerRecordAction") == [one.action for one in many]


@given(st.lists(rems_records(), min_size=1, max_size=4, unique_by=lambda one: one.credits[0].credit_id))
@settings(max_examples=40, deadline=None)
def test_any_rems_document_is_valid_and_names_nobody(records):
    root = rendered(*records)
    SCHEMA.assertValid(root)
    assert not root.xpath("//a:Member | //a:UniqueID", namespaces=NS)
    assert set(texts(root, "//hx:activityCertification")) == {"Opioid REMS"}
    assert set(texts(root, "//a:CompliantToRegulation/@label")) == {"Opioid REMS"}
    ids = texts(root, "//a:LocalIdentifier")
    assert ids == sorted(one.participant.local_id for one in records), "the order tells nothing"


@pytest.mark.parametrize(
    ("true", "wrong"),
    [
        ("T00:00:00</CompletedDateTime>", "T14:30:00</CompletedDateTime>"),
        (">1.25<", ">1.1<"),
        ("<Status>Completed</Status>", "<Status>Registered</Status>"),
        ("</ReportingOrganization>", "</ReportingOrganization><Participants/>"),
        (">add<", ">Add<"),
        ("<hx:creditUnit>Point</hx:creditUnit>", ""),
        ('<UniqueID domain="NPI">1234567893</UniqueID>', ""),
        ("1904-09-10", "09-10"),
    ],
)
def test_our_xsd_is_no_rubber_stamp(true, wrong):
    document = report_xml.render([record()], WIRE, CREATED).body.decode()
    assert true in document
    broken = document.replace(true, wrong)
    if true.startswith("<UniqueID"):  # moved behind what it must precede
        broken = broken.replace("</CreditReceived>", f"</CreditReceived>{true}")
    assert not SCHEMA.validate(etree.fromstring(broken.encode()))


@pytest.mark.parametrize("name", HARD_NAMES)
def test_every_hard_name_survives(name):
    assert text(rendered(record(learner=learner(family=name))), "//n:FamilyName") == name


@pytest.mark.parametrize(("amount", "form"), [("1.25", "1.25"), ("2.00", "2"), ("0.5", "0.5"), ("100", "100")])
def test_amounts_in_their_shortest_form(amount, form):
    assert text(rendered(record(credit(amount=Decimal(amount)))), "//hx:numberOfCredits") == form


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 3, 8, 7, 59, tzinfo=UTC), "2026-03-08T01:59:00"),
        (datetime(2026, 3, 8, 8, 0, tzinfo=UTC), "2026-03-08T03:00:00"),
        (datetime(2026, 7, 1, 0, 0, tzinfo=UTC), "2026-06-30T19:00:00"),
    ],
)
def test_created_is_central_time_without_zone(moment, written):
    root = etree.fromstring(report_xml.render([record()], WIRE, moment).body)
    assert text(root, "//a:DateTimeCreated") == written


def test_a_rems_document_does_not_say_its_hour():
    root = etree.fromstring(report_xml.render([rems_record()], WIRE, CREATED).body)
    assert [one.text for one in root.iter("{*}DateTimeCreated")] == ["2026-03-02T00:00:00"]


def test_created_needs_a_zone():
    with pytest.raises(ValueError, match="zone"):
        report_xml.render([record()], WIRE, datetime(2026, 3, 8))


def test_leap_day_survives():
    assert text(rendered(record(learner=learner(birth_day="02-29"))), "//m:BirthDate") == "1904-02-29"


def test_a_withdrawal_is_the_same_document_with_exactly_the_credits_to_go():
    both = record(credit(), moc())
    going = both.model_copy(update={"action": "delete", "credits": (both.credits[1],)})
    root = rendered(going)
    SCHEMA.assertValid(root)
    assert texts(root, "//a:CreditID") == ["ccid:example.org:c2"]
    assert text(root, "//a:LearnerRecordAction") == "delete"


def test_abs_may_go_without_an_identifier_and_nobody_else():
    root = rendered(record(moc(board="ABS", credit_type="Accredited CME", identifier=None)))
    SCHEMA.assertValid(root)
    assert not texts(root, "//a:UniqueID")
    with pytest.raises(CannotSend) as caught:
        rendered(record(moc(identifier=None), credit(identifier=None)))
    assert [(one.code, one.field) for one in caught.value.problems] == [
        ("learner.missing", "ids.ABIM"),
        ("learner.missing", "ids.NPI"),
    ]


def test_credit_types_are_submitted_by_the_boards_string_or_the_tables():
    def submitted(one, wire=WIRE):
        return text(rendered(record(one), wire=wire), "//hx:activityCertification")

    assert submitted(moc(credit_type="Medical Knowledge (Part II)")) == "Medical Knowledge"
    assert submitted(moc(board="ABTS", credit_type="")) == "ABTS"
    assert submitted(moc(board="ABTS", credit_type="New kind")) == "New kind"
    told = XmlWire(certifications={"ABIM/Medical Knowledge": "MK"})
    assert submitted(moc(), told) == "MK"


def test_the_table_decides_names_and_namespaces():
    told = XmlWire.model_validate(
        {"report": {"root": "Reports", "root_namespace": "urn:x", "extension": "urn:y"}, "filler_year": 2000}
    )
    root = rendered(record(), wire=told)
    assert root.tag == "{urn:x}Reports"
    assert len(root.xpath("//y:XtensibleInfo/y:LearnerRecordAction", namespaces={"y": "urn:y"})) == 1
    assert text(root, "//m:BirthDate") == "2000-09-10"


@pytest.mark.parametrize("mark", ["\x00", "\x08", "\t", "\n", "\x7f", "\x85", "\ud800", "\ufffe"])
@pytest.mark.parametrize("where", ["family", "title", "provider", "licence"])
def test_control_characters_are_refused_with_a_reason_and_not_quoted(mark, where):
    bad = f"Zzyzx{mark}"
    one = {
        "family": record(learner=learner(family=bad)),
        "title": record(activity_title=bad),
        "provider": record(provider_name=bad),
        "licence": record(credit(identifier=identifier("CA", bad))),
    }[where]
    with pytest.raises(CannotSend) as caught:
        rendered(one)
    assert [problem.code for problem in caught.value.problems] == ["learner.text_control_character"]
    assert "Zzyzx" not in f"{caught.value}{caught.value.problems}"
    assert "character 6" in str(caught.value)


@pytest.mark.parametrize(
    ("broken", "code", "field"),
    [
        (record(learner=learner(given=" ")), "learner.missing", "given_name"),
        (record(learner=learner().model_copy(update={"family_name": None})), "learner.missing", "family_name"),
        (record(learner=learner().model_copy(update={"birth_day": None})), "learner.missing", "birth_day"),
        (record(learner=learner(birth_day="02-30")), "learner.birth_day_format", "birth_day"),
        (record(provider_id="1234"), "config.provider_id_format", "provider"),
        (record(activity_id="12345678X"), "mapping.activity_id_format", "activity"),
        (record(credit(credit_id="ccid:x")), "config.credit_id_format", "credit_id"),
        (record(credit(identifier=identifier("XX", "1"))), "learner.id_domain", "ids"),
        (record(credit(identifier=identifier("NPI", "123"))), "learner.npi_format", "ids.NPI"),
        (rems_record(profession="Wizard"), "learner.rems_answer", "rems.profession"),
        (rems_record(profession=""), "learner.rems_answer", "rems.profession"),
        (rems_record(state="ME"), "learner.rems_answer", "rems.state"),
        (rems_record(type="Mycophenolate"), "pars.not_supported", "rems.type"),
    ],
)
def test_what_must_not_leave_is_held_with_its_reason(broken, code, field):
    with pytest.raises(CannotSend) as caught:
        rendered(broken)
    assert [(one.code, one.field) for one in caught.value.problems] == [(code, field)]


def test_a_rems_domain_has_its_form():
    one = rems_record()
    bad = one.model_copy(update={"participant": one.participant.model_copy(update={"domain": "example.org"})})
    with pytest.raises(CannotSend, match=r"config\.rems_domain"):
        rendered(bad)


def test_mycophenolate_leaves_once_the_table_knows_its_regulation():
    told = XmlWire.model_validate(
        {"rems": {"mycophenolate": {"certification": "M", "label": "M REMS", "url": "https://example.org/m"}}}
    )
    root = rendered(rems_record(type="Mycophenolate"), wire=told)
    assert text(root, "//a:CompliantToRegulation/@label") == "M REMS"
    assert isinstance(told.rems.opioid_analgesic, Regulation)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [record().model_copy(update={"credits": ()})],
        [record(), rems_record()],
        [record(), record(credit(2), action="delete")],
        [record(), record()],
        [record(learner=None)],
        [rems_record().model_copy(update={"learner": learner()})],
        [record(rems_record().credits[0])],
        [rems_record().model_copy(update={"credits": (credit(),)})],
    ],
    ids=["none", "no credit", "mixed", "two actions", "one id twice", "nobody", "both", "rems in cme", "cme in rems"],
)
def test_a_mixed_document_is_a_mistake_of_the_program(records):
    with pytest.raises(ValueError):
        rendered(*records)


# --- what we ask --------------------------------------------------------------------------------------------------


def test_the_questions_of_wire_md():
    query = LearnerQuery(
        activity_id="203500000",
        birth_day=BirthDay("09-10"),
        completed_on=date(2026, 3, 1),
        identifier=identifier("CA", "A 1"),
    )
    by_credit, by_learner = report_xml.ask_credit("ccid:a:b", WIRE), report_xml.ask_learner(query, WIRE)
    match = report_xml.ask_match(learner("Ana", "O'Brien & <Co>"), identifier("NPI", "1234567893"), WIRE)
    bodies = [question.payload.body.decode().split("\n", 1)[1] for question in (by_credit, by_learner, match)]
    assert bodies == [
        "<LearnerStatusRequest><CreditID>ccid:a:b</CreditID></LearnerStatusRequest>",
        (
            "<LearnerStatusRequest><moduleID>203500000</moduleID><BirthDate>09-10</BirthDate>"
            '<CompletionDate>2026-03-01</CompletionDate><UniqueID domain="CA">A 1</UniqueID></LearnerStatusRequest>'
        ),
        (
            "<LearnerMatchRequest><GivenName>Ana</GivenName><FamilyName>O'Brien &amp; &lt;Co&gt;</FamilyName>"
            '<BirthDate>09-10</BirthDate><UniqueID domain="NPI">1234567893</UniqueID></LearnerMatchRequest>'
        ),
    ]
    assert by_credit.call == "POST /GetLearnerStatusByCreditId"
    assert "A 1" not in f"{query} {by_learner}"
    full = XmlWire(asked_birth="YYYY-MM-DD")
    assert b"<BirthDate>1904-09-10</BirthDate>" in report_xml.ask_learner(query, full).payload.body


def test_credentials_in_the_body_stand_first_in_the_root():
    payload = report_xml.render([record()], WIRE, CREATED)
    travelling = report_xml.with_credentials(payload, [("ProviderId", "7"), ("User", "u&v"), ("Password", "p<w")])
    root = etree.fromstring(travelling.body)
    assert [child.tag for child in root][:3] == ["ProviderId", "User", "Password"]
    assert [child.text for child in root][:3] == ["7", "u&v", "p<w"]
    assert b"Password" not in payload.body
    spaced = report_xml.render([record()], XmlWire.model_validate({"report": {"root_namespace": "urn:x"}}), CREATED)
    assert etree.fromstring(report_xml.with_credentials(spaced, [("User", "u")]).body)[0].tag == "{urn:x}User"
