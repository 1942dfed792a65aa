"""However a name, a mailbox or an account is written: where a rule reads the text, an invented word stands there."""

# ruff: noqa: RUF001 - letters of other alphabets are what is tested

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import mapping_samples as make
import pytest

from connector.mapping.cases.folding import folded
from connector.mapping.cases.masking import Mask
from connector.mapping.cases.scrubbing import scrubbed
from connector.mapping.loader import load

MAIL = "ann.lee@x.example"
RULES = make.rules(
    make.rule(
        when=make.WHEN
        + """\
    - {path: object.id, matches: ".*"}
    - {path: object.definition.name.en, matches: ".*"}
    - {path: context.platform, matches: ".*"}
"""
    )
)


def account(name: Any) -> dict[str, Any]:
    return {"account": {"homePage": "https://lms.example.org", "name": name}}


def named(name: str) -> dict[str, Any]:
    return account("4711x") | {"name": name}


def mailed(mail: str) -> dict[str, Any]:
    return {"name": "x1", "mbox": f"mailto:{mail}"}


def encoded(name: str, text: str = MAIL) -> str:
    return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("actor", "text", "left"),
    [
        (named("María González"), "/u/maria.gonzalez/c/1", "/u/learner-1/c/1"),
        (mailed("maria.gonzalez@clinic.example"), "Course of María González", "Course of learner-1"),
        (named("İbrahim Yılmaz"), "İbrahim Yılmaz, IBRAHIM", "learner-1, learner-1"),
        (named("Yilmaz Kaya"), "YİLMAZ Yılmaz", "learner-1 learner-1"),
        (named("Jörg Weiß"), "JÖRG WEISS: weiß", "learner-1: learner-1"),
        (named("Klaus Hess"), "Klaus He\u017fs", "learner-1"),
        (named("Klaus Kern"), "\u212aern Klaus", "learner-1"),
        (named("Νίκος Παπαδόπουλος"), "παπαδόπουλοσ ΝΊΚΟΣ", "learner-1"),
        (named("Δημητρα Μανου"), "Δη\u00b5ητρα", "learner-1"),
        (named("Jürgen Müller"), "/u/juergen.mueller/muller", "/u/learner-1/learner-1"),
        (named("Juergen Mueller"), "Jürgen Müller", "learner-1"),
        (named("Łukasz Sørensen"), "lukasz.sorensen soerensen", "learner-1 learner-1"),
        (named("Anne-Marie Smith-Jones"), "Attempt of Marie Jones", "Attempt of learner-1"),
        (named("Siobhan O'Brien"), "/u/sobrien O\u2019Brien BRIEN", "/u/learner-1 learner-1 learner-1"),
        (named("Wu Li"), "Li, Wu and WuLi but wuliang", "learner-1 and learner-1 but wuliang"),
        (named("Yusuf Lindgren"), "/u/lindgrenyusuf/ylindgren", "/u/learner-1/learner-1"),
        (named("Lee Ann Ray"), "/u/annray planning", "/u/learner-1 planning"),
        (account("maria_gonzalez"), "Attempt of Maria Gonzalez", "Attempt of learner-1"),
        (named("José Pérez"), "P%E9rez P%C3%A9rez Pe%CC%81rez", "learner-1 learner-1 learner-1"),
        (named("José Pérez"), "P%25C3%25A9rez Pe\u0301rez.", "learner-1 learner-1."),
        (named("Yusuf Lindgren"), "Lind\u200bgren Ｌｉｎｄｇｒｅｎ %4Cindgren", "learner-1 learner-1 learner-1"),
        (named("李伟"), "李伟的证书", "learner-1的证书"),
        (named("John Doe"), "What do you do, Doe", "What do you do, learner-1"),
        (mailed(MAIL), f"?u=ANN.LEE%40x.example#{MAIL}", "?u=learner-1@example.org#learner-1@example.org"),
        (mailed(MAIL), f"?u=ann.lee&#64;x.example#{MAIL}s", "?u=learner-1@example.org#person-1@example.org"),
        (mailed(MAIL), "/" + encoded("md5"), "/learner-1"),
        (mailed(MAIL), "/" + encoded("sha1").upper(), "/learner-1"),
        (mailed("Ann.Lee@x.example"), "/" + encoded("sha256", f"mailto:{MAIL}"), "/learner-1"),
        (mailed(MAIL), "?u=" + base64.b64encode(MAIL.encode()).decode().rstrip("="), "?u=learner-1"),
        (account("4711x"), "root@localhost, zoe@b.example", "person-1@example.org, person-2@example.org"),
        ([named("Ann Lee")], "Lee, Ann", "learner-1"),
        ("Ann Lee", "Lee, Ann", "learner-1"),
    ],
)  # fmt: skip
def test_every_spelling(actor: Any, text: str, left: str) -> None:
    shared = scrubbed(make.statement(actor=actor, object={"id": text}, context={"platform": text}), RULES.rules)
    assert shared["context"]["platform"] == left
    assert shared["object"]["id"] == left


@pytest.mark.parametrize(
    "about",
    [
        {"https://x.example/ext/user": {"fullname": "Maria Gonzalez", "email": "mg@x.example"}},
        {"urn:x:Full-Name": "Maria Gonzalez"},
        {"learner": "Gonzalez, Maria"},
        {"a": [{"mail": "x@x.example", "name": "Maria Gonzalez"}]},
    ],
)
def test_a_person_who_is_no_agent(about: dict[str, Any]) -> None:
    document = make.statement(actor=account("4711x"), context={"platform": "Of Maria Gonzalez", "extensions": about})
    assert "onzalez" not in json.dumps(scrubbed(document, RULES.rules))


@pytest.mark.parametrize(
    ("condition", "said", "left"),
    [
        ('is: "a"', "Nora b", "invented 2"),
        ("one_of: [a, b]", "b", "b"),
        ("is_not: a", "urn:b", "https://lms.example.org/invented/2"),
        ("starts_with: no", "nora quist", "noinvented-2"),
        ("is_not: 5", 1234567893, 1),
        ("is: 1234567893", 1234567893, 1234567893),
        ("is_not: 5", 77, 77),
        ("at_least: 5", 1234567893, 1234567893),
        ('matches: ".*"', "Nora b", "learner-1 b"),
        ("exists: true", "Nora b", "another text"),
        ("is: true", True, True),
    ],
)
def test_what_stays_depends_on_what_is_asked(condition: str, said: Any, left: Any) -> None:
    when = f"{make.WHEN}    - {{path: context.extensions.x, {condition}}}\n"
    rules = make.rules(make.rule(when=when)).rules
    document = make.statement(actor=named("Nora Lindqvist"), context={"extensions": {"x": said}})
    assert scrubbed(document, rules)["context"] == {"extensions": {"x": left}}


def test_a_key_of_the_catalogue_stays(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("number,activity_id,credits\n7654321,203512345,1\n")
    catalogue = "catalogue: {from: a.csv, column: number, key: context.extensions.x}"
    rule = make.rule(credits_="").replace('activity: "203512345"', catalogue)
    (tmp_path / "a.yaml").write_text(make.text(rule))
    rules = load(tmp_path).rules
    kept = [
        scrubbed(make.statement(context={"extensions": {"x": one}}), rules)["context"]["extensions"]["x"]
        for one in (7654321, "7654321", 7654322, "7654322")
    ]
    assert kept == [7654321, "7654321", 1, "invented 2"]


def test_every_letter_knows_its_place() -> None:
    text = "a%C3%9F\u0301&amp;ＫＡ"
    looked, spans = folded(text)
    assert looked == "ass&ka"
    assert [text[start:end] for start, end in spans] == ["a", "%C3%9F", "%C3%9F\u0301", "&amp;", "Ｋ", "Ａ"]


def test_a_run_of_escapes_goes_as_a_whole() -> None:
    mask = Mask({"actor": named("Ann Berg")}, (), ())
    assert mask.text("x%41%6e%6e%20%26%20%42%65%72%67y") == "xlearner-1y"
