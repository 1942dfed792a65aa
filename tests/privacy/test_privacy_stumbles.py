"""Promise P6 where the code itself stumbles: an exception whose text is nothing but planted values, in every room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector import pipeline
from connector.store.tables import Wish, WrittenBack
from tests.privacy import planted
from tests.privacy.office import Office
from tests.privacy.scene import SENDING, TO_READY, Scene, failures, leaks

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's, on Python 3.11 and 3.12

CONTAINED = ""
"""Whoever stumbles over it says so in the log, and no run has failed by it."""
PASSES = (
    {
        "connector.lrs.client.LrsClient.page": "collection",
        "connector.mapping.outcomes.evaluate": "mapping",
        "connector.learners.directory.fetch": "learners",
        "connector.validation.matched.check": "validation",
        "connector.submission.adds.assemble": "submission",
        "connector.reconciliation.status.read": "reconciliation",
        "connector.desk.suggestions.make": "desk",
    },
    {
        "connector.collection.save.page": "collection",
        "connector.learners.award.attach": "learners",
        "connector.learners.mending.fix": "learners",
        "connector.learners.linking._link": "learners",
        "connector.submission.prevalidation._ask": "submission",
        "connector.desk.returned.judge": CONTAINED,
        "connector.lrs.own.report": "desk",
    },
    {
        "connector.learners.sources.moodle_profile.MoodleProfiles.fetch": CONTAINED,
        "connector.pars.report_xml.render": "submission",
        "connector.desk.notices.digest": "desk",
    },
    {
        "connector.learners.sources.sql.SqlDatabase.fetch": CONTAINED,
        "connector.pars.client.ParsClient.send": "submission",
        "connector.desk.writeback._statement": "desk",
    },
    {"connector.learners.sources.http_json.HttpPeople.fetch": CONTAINED, "connector.desk.sheet.write": "desk"},
    {"connector.learners.sources.remote.Remote.ask": "learners", "connector.desk.carriers._notify": "desk"},
    {"connector.http.Http._send": "collection", "apprise.Apprise.notify": CONTAINED},
)
NEED_STATEMENTS, NEED_CREDITS, OF_WISHES = 2, 4, 1
"""Only the first passes stumble over new statements and over what is to be sent, the second over what is wished for."""


def explosive(met: set[str], where: str) -> Callable[..., Any]:
    def explode(*_: Any, **__: Any) -> Any:
        met.add(where)
        one = planted.person(1)
        text = f"{one.given} {one.family} {one.npi} {planted.BORN} {planted.EPOCH} 1904-12-30 {one.email}"
        raise RuntimeError(text) from KeyError(one.states)

    return explode


def prepare(office: Office, number: int) -> None:
    """Something waits for every stage: for the first one at the LRS, for the others in the store, and on the desk."""
    scene = office.scene
    first = 10 * (number + 1)
    if number < NEED_CREDITS:
        scene.arrives(first, most=1)
        scene.turn(TO_READY)
    if number < NEED_STATEMENTS:
        scene.arrives(first + 1, first=(number + 1) % 5, most=1)
        scene.turn(("collection", "mapping"))
        scene.arrives(first + 2, first=(number + 2) % 5, most=1)
        scene.turn(("collection",))
        scene.arrives(first + 3, most=1)
    if number == OF_WISHES:
        office.lay("back.csv", b"learner,row_check\n1,r1-0123456789\n")
        actor = f"account:{planted.person(10).home_page}|{planted.person(10).account}"
        assert "no daemon" in scene.call("learners", "link", actor, "1", "--yes")
        case = str(scene.open_cases()[0])
        assert "no daemon" in scene.call("unmatched", "fix", case, "--set", "birth_day=11-11")
    office.forget_notices()
    scene.due()


def test_an_exception_with_values_in_its_text(
    office: Office, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven turns, each with one place of every room that stumbles; in between everything goes its way but the desk,
    so that there is something to be told and written back."""
    scene = office.scene
    office.hires(sql=5, http=6, moodle=7)
    scene.arrives(2, most=1, birth="11-11")
    scene.arrives(1)
    scene.turn()
    for number, places in enumerate(PASSES):
        prepare(office, number)
        met, before = set[str](), len(failures(scene))
        with monkeypatch.context() as patched:
            for where in places:
                patched.setattr(where, explosive(met, where))
            said = scene.call("once") + scene.call("check", "--learners", "--pars", "--lrs", "--notices")
        assert planted.seen_in(said) == []
        assert met == places.keys()
        failed = failures(scene)[before:]
        stages = {stage for stage, error in failed if "RuntimeError" in error}
        assert stages >= {*places.values()} - {CONTAINED}
        if number < NEED_CREDITS:
            scene.turn(SENDING)
        scene.sandbox.pars.boards_answer()
    scene.turn()
    assert any(row.posted_at for row in scene.all(WrittenBack))
    assert all(row.done_at for row in scene.all(Wish))
    assert leaks(scene, capfd, [*scene.told(), *office.texts()]) == {}


def test_a_stage_that_explodes(
    scene: Scene, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.arrives(1)
    met = set[str]()
    with monkeypatch.context() as patched:
        for stage in pipeline.STAGES:
            patched.setitem(pipeline.STAGES, stage, explosive(met, stage))
        patched.setattr(pipeline.collection, "collect", explosive(met, "collection"))
        scene.turn()
    assert met == {*pipeline.STAGES}
    assert {stage for stage, error in failures(scene) if "RuntimeError" in error} == met
    assert leaks(scene, capfd) == {}
