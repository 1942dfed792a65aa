"""Profiles of the rehearsal Moodle as learners: nobody is somebody else, and no birth day is a day off."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from httpx._transports import default

from connector.config import MoodleConfig, MoodleProfile
from connector.errors import NeedsOperator
from connector.learners.sources.moodle_profile import MoodleProfiles
from connector.records import ActorKey, Found
from connector.sandbox.moodle.site import ROLES, MoodleSite
from connector.sandbox.server import Sandbox

TRUST = ssl.create_default_context()
CHICAGO = ZoneInfo("America/Chicago")
ANNA, BORIS = 3, 4
FIELDS = {
    "npi": "npi",
    "birth_day": "dob",
    "profession": "profession",
    "state": "licensestate",
    "licence": "licensenumber",
    "consent": "mocconsent",
}


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(today=date(2026, 3, 12), load=False) as running:
        monkeypatch.setenv("MOODLE_TOKEN", running.moodle_token)
        # loading the machine's certificates takes longer than all the rest, and loopback needs none
        monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
        yield running


@pytest.fixture
def site(sandbox: Sandbox) -> MoodleSite:
    anna = sandbox.moodle.users[ANNA]
    sandbox.moodle.users[ANNA] = replace(anna, person=replace(anna.person, boards=(("ABIM", "410105"),)))
    return sandbox.moodle


def profiles(site: MoodleSite, zone: ZoneInfo = CHICAGO, *, fields: Any = None, **moodle: Any) -> MoodleProfiles:
    settings = MoodleConfig.model_validate({"site": site.address, "token": {"env": "MOODLE_TOKEN"}, **moodle})
    said = {
        "source": "campus",
        "fields": fields or FIELDS,
        "boards": {"ABIM": "abimid"},
        "professions": {"physician": "MD"},
    }
    return MoodleProfiles("moodle:campus", settings, MoodleProfile.model_validate(said), zone)


def account(site: MoodleSite, name: object, home: str = "") -> ActorKey:
    return ActorKey(f"account:{home or site.address}|{name}")


def change(site: MoodleSite, number: int, **values: Any) -> None:
    site.users[number] = replace(site.users[number], **values)


def answer(source: MoodleProfiles, key: str) -> Found | None:
    found = source.fetch([ActorKey(key)])
    assert found.keys() <= {key}
    return found.get(ActorKey(key))


def born(source: MoodleProfiles, key: ActorKey) -> str:
    found = answer(source, key)
    assert found
    assert found.learner.birth_day
    return found.learner.birth_day.get_secret_value()


def test_a_profile_is_read_as_the_configuration_says(site: MoodleSite) -> None:
    person = site.users[ANNA].person
    found = answer(profiles(site), account(site, ANNA))
    assert found
    learner = found.learner
    assert learner.given_name
    assert learner.family_name
    assert (learner.given_name.get_secret_value(), learner.family_name.get_secret_value()) == (
        person.given,
        person.family,
    )
    state, licence = person.states[0]
    ids = {domain: value.get_secret_value() for domain, value in learner.ids.items()}
    assert ids == {"NPI": person.npi, state: licence, "ABIM": dict(person.boards)["ABIM"]}
    assert learner.birth_day
    assert learner.birth_day.get_secret_value() == person.birth
    assert learner.profession == "MD"
    assert learner.consent
    assert learner.consent.given is person.consent
    assert set(learner.origins.values()) == {"moodle:campus"}
    assert person.npi not in repr(found)


def test_every_actor_that_the_plugin_can_make_of_a_user_is_his(site: MoodleSite) -> None:
    user = site.users[ANNA]
    source = profiles(site)
    asked = [account(site, ANNA), account(site, user.username), ActorKey(f"mbox:{user.email}")]
    answers = source.fetch(asked)
    assert set(answers) == set(asked)
    assert len({frozenset(found.keys) for found in answers.values()}) == 1
    hashed = hashlib.sha1(f"mailto:{user.email}".encode()).hexdigest()
    assert set(answers[asked[0]].keys) == {*asked, f"mbox_sha1sum:{hashed}"}


def test_only_keys_that_it_may_know_are_asked_and_many_at_once(site: MoodleSite) -> None:
    source = profiles(site)
    others = ["account:https://elsewhere.example.org|3", "openid:https://anna.example.org", f"mbox_sha1sum:{'a' * 40}"]
    assert source.speaks_for([ActorKey(key) for key in others]) == set()
    assert source.fetch([ActorKey(key) for key in others]) == {}
    assert site.calls == []
    assert len(source.fetch([account(site, number) for number in site.users])) == len(site.users)
    assert len(site.calls) == 2  # by number, and who else has their addresses


@pytest.mark.parametrize("zone", ["America/Chicago", "Europe/London", "UTC", "Pacific/Auckland", "America/Havana"])
@pytest.mark.parametrize("day", [date(1968, 12, 31), date(1980, 2, 29), date(2000, 4, 2), date(1951, 7, 1)])
def test_a_birth_date_is_the_midnight_of_the_sites_zone(site: MoodleSite, zone: str, day: date) -> None:
    site.zone = ZoneInfo(zone)
    change(site, ANNA, born=day)
    assert born(profiles(site, site.zone), account(site, ANNA)) == f"{day:%m-%d}"


def test_a_date_before_1970_in_a_winter_that_had_summer_time(site: MoodleSite) -> None:
    site.zone = ZoneInfo("Europe/London")
    change(site, ANNA, born=date(1968, 12, 31))
    assert site.epoch(date(1968, 12, 31)) == -31_626_000
    assert born(profiles(site, ZoneInfo("Europe/London")), account(site, ANNA)) == "12-31"


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_whoever_typed_the_date_in_another_zone_had_his_own_midnight(site: MoodleSite, zone: str) -> None:
    change(site, ANNA, born=date(1968, 12, 31), zone=ZoneInfo(zone))
    assert born(profiles(site), account(site, ANNA)) == "12-31"


@pytest.mark.parametrize("seconds", [-31_626_000, 320_716_800 + 12 * 3600])
def test_a_date_that_is_nobodys_midnight_is_held_and_never_a_day_off(
    site: MoodleSite, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(MoodleSite, "epoch", lambda *_: seconds)
    site.zone = ZoneInfo("UTC")
    found = answer(profiles(site), account(site, ANNA))
    assert found
    assert found.learner.birth_day
    assert not found.learner.birth_day.is_valid
    (problem,) = profiles(site).prove(account(site, ANNA))
    assert (problem.field, "no midnight" in problem.message) == ("birth_day", True)


def test_a_date_that_nobody_chose_is_none(site: MoodleSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MoodleSite, "epoch", lambda *_: 0)
    found = answer(profiles(site), account(site, ANNA))
    assert found
    assert found.learner.birth_day is None


def test_two_zones_that_make_two_days_of_one_midnight_decide_nothing(site: MoodleSite) -> None:
    change(site, ANNA, born=date(1990, 7, 2), zone=ZoneInfo("Pacific/Tongatapu"))  # 24 hours ahead of the site's
    found = answer(profiles(site, ZoneInfo("Pacific/Pago_Pago")), account(site, ANNA))
    assert found
    assert found.learner.birth_day
    assert not found.learner.birth_day.is_valid


def test_month_and_day_as_text_know_no_zone(site: MoodleSite) -> None:
    source = profiles(site, ZoneInfo("Pacific/Auckland"), fields={"birth_day": "dobmmdd", "npi": "idnumber"})
    assert born(source, account(site, ANNA)) == site.users[ANNA].person.birth
    found = answer(source, account(site, ANNA))
    assert found
    assert found.learner.ids["NPI"].get_secret_value() == site.users[ANNA].idnumber  # a field that every user has


def test_a_tick_is_a_yes_and_none_is_a_no(site: MoodleSite) -> None:
    for consent in (True, False):
        change(site, ANNA, person=replace(site.users[ANNA].person, consent=consent))
        found = answer(profiles(site), account(site, ANNA))
        assert found
        assert found.learner.consent
        assert found.learner.consent.given is consent


def test_a_deleted_user_answers_for_nobody(site: MoodleSite) -> None:
    user = site.users[ANNA]
    site.delete(ANNA)
    for rights in ("connector", "viewalldetails"):
        site.rights = ROLES[rights]
        for key in (account(site, ANNA), account(site, user.username), f"mbox:{user.email}"):
            assert answer(profiles(site), key) is None
    (problem,) = profiles(site).prove(account(site, ANNA))
    assert "knows nobody" in problem.message


def test_a_user_name_that_is_an_address_is_no_deleted_user(site: MoodleSite) -> None:
    change(site, ANNA, username="anna@example.org")
    assert answer(profiles(site), account(site, ANNA))
    assert answer(profiles(site, actor="username"), account(site, "anna@example.org"))


def test_an_address_that_two_users_have_is_neither_ones(site: MoodleSite) -> None:
    change(site, ANNA, email="desk@example.org")
    change(site, BORIS, email="Desk@Example.org")
    source = profiles(site)
    assert answer(source, "mbox:desk@example.org") is None
    for number in (ANNA, BORIS):
        found = answer(source, account(site, number))  # asked alone: nobody else's address is known yet
        assert found
        assert {key.partition(":")[0] for key in found.keys} == {"account"}
    assert answer(profiles(site), account(site, 5))


def test_case_does_not_count_in_an_address(site: MoodleSite) -> None:
    change(site, ANNA, email="Anna.X@Example.org")
    found = answer(profiles(site), "mbox:anna.x@example.org")
    assert found
    assert account(site, ANNA) in found.keys
    by_number = answer(profiles(site), account(site, ANNA))
    assert by_number
    assert set(by_number.keys) == set(found.keys)


def test_a_name_of_digits_is_a_number_unless_user_names_are_sent(site: MoodleSite) -> None:
    change(site, BORIS, username=str(ANNA))  # a site where user names are staff numbers
    by_number, by_name = profiles(site), profiles(site, actor="username")
    anna, boris = site.users[ANNA].person, site.users[BORIS].person
    one, other = answer(by_number, account(site, ANNA)), answer(by_name, account(site, ANNA))
    assert one
    assert other
    assert one.learner.ids["NPI"].get_secret_value() == anna.npi
    assert other.learner.ids["NPI"].get_secret_value() == boris.npi
    mine = answer(by_number, account(site, BORIS))
    assert mine
    assert account(site, ANNA) not in mine.keys
    theirs = answer(by_name, account(site, site.users[ANNA].username))
    assert theirs
    assert account(site, ANNA) not in theirs.keys
    change(site, BORIS, username="boris")
    assert answer(by_name, account(site, ANNA)) is None  # whose user name it was is gone


def test_the_plugins_own_home_page_is_this_sites_too(site: MoodleSite) -> None:
    home = "https://cme.example.edu"
    source = profiles(site, actor="username", home_page=home)
    name = site.users[ANNA].username
    found = answer(source, account(site, name, home))
    assert found
    assert {account(site, name), account(site, name, home)} <= set(found.keys)


@pytest.mark.parametrize(
    ("rights", "missing"),
    [
        (ROLES["connector"], []),
        (ROLES["viewalldetails"], ["email"]),
        (
            frozenset({"moodle/site:viewuseridentity"}),
            ["username", "npi", "birth_day", "state", "licence", "consent", "ids.ABIM"],
        ),
    ],
)
def test_what_a_role_hides_is_named_with_the_right(
    site: MoodleSite, rights: frozenset[str], missing: list[str]
) -> None:
    site.rights = rights
    problems = profiles(site).prove(account(site, ANNA))
    assert [problem.field for problem in problems] == missing
    assert all("moodle/" in problem.hint for problem in problems)
    assert {problem.code for problem in problems} <= {"learner.source_lacks"}
    assert answer(profiles(site), account(site, ANNA))


def test_a_role_that_cannot_show_who_is_gone_answers_for_nobody(site: MoodleSite) -> None:
    site.rights = ROLES["min"]
    for ask in (profiles(site).fetch, lambda keys: profiles(site).prove(keys[0])):
        with pytest.raises(NeedsOperator) as caught:
            ask([account(site, ANNA)])
        assert caught.value.code == "moodle.no_right"


def test_a_blank_field_and_a_misspelt_one_are_said(site: MoodleSite) -> None:
    change(site, ANNA, person=replace(site.users[ANNA].person, number=0))
    source = profiles(site, fields={"npi": "npi", "birth_day": "DOB"})
    problems = source.prove(account(site, ANNA))
    assert [(problem.field, "left blank" in problem.hint) for problem in problems] == [
        ("npi", True),
        ("birth_day", True),
    ]
    (other,) = source.prove(ActorKey("account:https://elsewhere.example.org|3"))
    assert "cannot know" in other.message
