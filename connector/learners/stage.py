"""Stage 3: completions and identities become awards with their credits, and the learners room's gates are judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, text, update
from sqlmodel import Session, col, or_, select

from connector.config import Config
from connector.learners import award as awards
from connector.learners import (
    claiming,
    corrections,
    decisions,
    directory,
    evidence,
    judging,
    linking,
    open_dates,
    parting,
    people,
    series,
    standing,
    unchanged,
)
from connector.records import Actor, ActorKey, Completion, Counts, Problem
from connector.store import poison, wishes
from connector.store.leases import alone
from connector.store.reasons import NOT_ELIGIBLE, STUMBLED, VOIDED
from connector.store.session import Store
from connector.store.states import LIVE, State
from connector.store.tables import Award, Credit, EvidenceRow, LearnerRow
from connector.store.tables.collected import OPEN

ROOM = "learners"
BATCH, FEW = 200, 20
_CORRECTED: WeakKeyDictionary[Store, int] = WeakKeyDictionary()
"""The learner whom the last turn's corrections ended with: the next turn goes on there, and new completions wait for
no more than a batch."""
_SEEN: WeakKeyDictionary[Store, list[object]] = WeakKeyDictionary()  # the sources' stamps as of the last refresh

# Written as in the partial indexes: SQLite takes those only where it can prove that the question fits.
_OPEN_EVIDENCE = text(OPEN)
_FALLEN = text("NOT standing AND award_id IS NOT NULL")


def run(store: Store, config: Config) -> Counts:
    """Follow what was voided and what a person decided, refresh the learners whose credits wait, ask for open dates,
    open awards for new completions."""
    counts = Counts()
    _follow(store, config, counts)  # first: a directory that is down must not keep a voided credit on its way
    evidence.listen(store, config, ROOM, counts)
    decisions.carry_out(store, config, ROOM, counts)
    asked = directory.sources(config, store)
    linking.carry_out(store, config, ROOM, partial(directory.fetch, asked), counts)
    stamps = [source.stamp() for source in asked]
    said_more = _SEEN.get(store) != stamps
    if not _refresh_stale(store, config, asked, counts, said_more=said_more):
        return counts
    _SEEN[store] = stamps
    open_dates.fill(store, config, counts)
    _meet(store, config, asked, counts)
    _correct(store, config, asked, counts)
    after = 0
    while not store.stopping.is_set() and (waiting := _waiting(store, after)):
        _join(store, config, asked, waiting, counts)
        after = waiting[-1].id
    return counts


def _meet(store: Store, config: Config, asked: Sequence[directory.Source], counts: Counts) -> None:
    """Actors of evidence that somebody waits for: the directory may know them as one of our learners."""
    after = 0
    while not store.stopping.is_set():
        with store.reading() as session:
            rows = evidence.due(session, after)
        if not rows:
            return
        keys = {ActorKey(row.actor_key) for row in rows}
        answers = _ask(store, asked, keys)
        opening = awards.Opening(config, datetime.now(UTC))
        with store.writing() as session:
            alone(session, ROOM)
            relinked = set[int]()
            ours = evidence.of_learners(session, keys - answers.silent, answers)
            changed = _remember_all(session, opening, ours, answers, relinked)
            evidence.look(session, opening, relinked, counts)
            evidence.done(session, _heard(rows, answers))
            judging.judge_all(session, opening, changed, counts, relinked)
        after = rows[-1].id


def _waiting(store: Store, after: int) -> Sequence[EvidenceRow]:
    """The next completions that stand, have their date and have no award yet."""
    rows = select(EvidenceRow).where(_OPEN_EVIDENCE, col(EvidenceRow.standing).is_(True), col(EvidenceRow.id) > after)
    rows = rows.where(_is_its_turn(datetime.now(UTC)), col(EvidenceRow.left_award).is_(None))
    rows = rows.where(~corrections.is_held_up(EvidenceRow))
    rows = rows.with_hint(EvidenceRow, "INDEXED BY ix_evidence_open", "sqlite")
    with store.reading() as session:
        if wishes.is_half_applied(session):
            return []
        return session.exec(rows.order_by(col(EvidenceRow.id)).limit(BATCH)).all()


def _is_its_turn(now: datetime) -> ColumnElement[bool]:
    """Its date is known, and if its learner made us stumble, a pause has passed; or our own clock was ahead then."""
    pause = or_(col(EvidenceRow.next_at) <= now, col(EvidenceRow.next_at) > now + poison.PAUSE)
    return or_(col(EvidenceRow.next_at).is_(None), (col(EvidenceRow.reason) == STUMBLED) & pause)


def _join(
    store: Store, config: Config, asked: Sequence[directory.Source], waiting: Sequence[EvidenceRow], counts: Counts
) -> None:
    """One batch of completions into awards; then every learner met is judged, once."""
    answers = _ask(store, asked, {ActorKey(row.actor_key) for row in waiting})
    waiting = _heard(waiting, answers)
    if not waiting:
        return
    opening = awards.Opening(config, datetime.now(UTC))
    with store.writing() as session:
        alone(session, ROOM)  # two daemons that meet one new learner would open him twice
        relinked = set[int]()
        keys = sorted({ActorKey(row.actor_key) for row in waiting})
        changed = _remember_all(session, opening, keys, answers, relinked)
        joined = defaultdict[int, list[EvidenceRow]](list)
        complete, _ = evidence.look(session, opening, relinked, counts)
        for row in _still_waiting(session, [*waiting, *complete]):
            _attach_safely(session, opening, row, changed, joined, counts)
        for award_id, rows in joined.items():  # once a batch: an LMS may tell one completion a thousand times
            _follow_safely(session, opening, award_id, rows, counts)
        judging.judge_all(session, opening, changed, counts, relinked)


def _still_waiting(session: Session, waiting: Sequence[EvidenceRow]) -> Sequence[EvidenceRow]:
    """Those of them that were neither voided nor joined while the directory was asked. Under a lock: what is voided
    from here on falls with an award, and is followed."""
    rows = select(EvidenceRow).where(col(EvidenceRow.id).in_([row.id for row in waiting]), _OPEN_EVIDENCE)
    rows = rows.where(col(EvidenceRow.standing).is_(True), _is_its_turn(datetime.now(UTC)))
    rows = rows.where(col(EvidenceRow.left_award).is_(None))  # a plan may have moved it meanwhile
    rows = rows.where(~corrections.is_held_up(EvidenceRow))
    if wishes.is_half_applied(session):
        return []
    rows = rows.order_by(col(EvidenceRow.id)).with_for_update().execution_options(populate_existing=True)
    return session.exec(rows).all()


def _ask(store: Store, asked: Sequence[directory.Source], keys: Collection[ActorKey]) -> directory.Answers:
    """What the sources say about these actors, and about every key that is or would be linked with them: only so can
    it be told whether two actors are one person or two. Of whom a source is silent, all his keys are."""
    answers = directory.Answers([{} for _ in asked])
    wanted, known = set(keys), set[ActorKey]()
    while True:
        with store.reading() as session:
            wanted = people.linked(session, wanted)
        if wanted == known:
            return _all_silent(store, answers)
        said = directory.fetch(asked, wanted - known)
        with store.reading() as session:
            said = claiming.without_unlinked(session, said, wanted | said.keys())
        answers, known = answers.beside(said), wanted
        wanted = wanted | answers.keys()


def _all_silent(store: Store, answers: directory.Answers) -> directory.Answers:
    """One person is not half silent."""
    silent, more = set[ActorKey](), set(answers.silent)
    while more != silent:
        silent = more
        with store.reading() as session:
            more = answers.spread(people.linked(session, silent))
    return replace(answers, silent=frozenset(silent))


def _heard(rows: Sequence[EvidenceRow], answers: directory.Answers) -> list[EvidenceRow]:
    """Those of them about whose actors every source has spoken: the others wait."""
    return [row for row in rows if row.actor_key not in answers.silent]


def _remember_all(
    session: Session,
    opening: awards.Opening,
    keys: Sequence[ActorKey],
    answers: directory.Answers,
    relinked: set[int],
) -> dict[int, bool]:
    """The learners of these keys by number, each with whether he changed; `relinked` are those with other keys now.
    Nobody is touched of whom a source is silent."""
    changed: dict[int, bool] = {}
    done = set(answers.silent)
    for key in keys:
        if key in done:
            continue
        with poison.contained(session, "learners", None, now=opening.now):
            met = people.remember(session, key, answers, opening.now)
            changed[met.row.id] = changed.get(met.row.id, False) or met.changed
            for learner_id in met.left:
                changed.setdefault(learner_id, False)
            relinked.update(met.left, {met.row.id} if met.relinked else ())
            for award_id in sorted(met.parted):
                standing.follow(session, opening, session.get_one(Award, award_id))
            if met.parted or met.recovered:
                parting.look(session, opening, met.row, None if met.recovered else met.parted)
            if met.relinked:
                parting.reunited(session, opening, met.row)
            done |= met.keys
            continue
        if known := people.of_key(session, key):
            known.fetched_at = opening.now  # the next refresh tries again, not the next turn
            session.add(known)
            done.update(people.keys_of(session, [known.id])[known.id])
    return changed


def _attach_safely(
    session: Session,
    opening: awards.Opening,
    row: EvidenceRow,
    changed: dict[int, bool],
    joined: dict[int, list[EvidenceRow]],
    counts: Counts,
) -> None:
    """A completion that makes us stumble ends as a problem of its own; the others go on. Where it is the learner who
    does, it waits: what a source says of him tomorrow may be better."""
    learner = people.of_key(session, ActorKey(row.actor_key))
    if learner is None:
        row.reason, row.next_at = STUMBLED, opening.now + poison.PAUSE
        session.add(row)
        counts["put_off"] += 1
        return
    row.reason, row.next_at = "", None
    with poison.contained(session, "learners", None, now=opening.now):
        if evidence.waits(session, opening, row, learner, counts):
            return
        completion = Completion.model_validate(row.completion)
        award, is_new = awards.attach(session, opening, row, learner, completion)
        if not is_new or completion.undone_by:  # it may be undone already
            joined[award.id].append(row)
        changed.setdefault(award.learner_id, False)
        counts["opened" if is_new else "joined"] += 1
        return
    session.refresh(row)
    _stumbled(session, row, counts)


def _follow_safely(
    session: Session, opening: awards.Opening, award_id: int, rows: Sequence[EvidenceRow], counts: Counts
) -> None:
    """What these completions change at the award that they joined; they leave it again if that makes us stumble."""
    with poison.contained(session, "learners", None, now=opening.now):
        award = session.get_one(Award, award_id)
        corrections.earn_again(session, opening, award)
        standing.follow(session, opening, award)
        return
    for row in rows:
        row.award_id = None
        _stumbled(session, row, counts)


def _stumbled(session: Session, row: EvidenceRow, counts: Counts) -> None:
    problem = Problem(code=poison.CODE, message="the learners room stumbled over this completion", who=Actor.OPERATOR)
    row.outcome, row.reason, row.problem = "problem", poison.CODE, problem.model_dump(mode="json")
    session.add(row)
    counts["problem"] += 1


def _stale(store: Store, config: Config, now: datetime, *, said_more: bool) -> list[list[int]]:
    """Learners with credits that wait for a change, or may yet be sent again, in batches: all of them when a source
    says that it changed, else those not asked about for `learners.refresh`, or since PARS's answer made a credit ready
    again. Also whoever was sent and then forgotten, when he was parted from another: who he is must be known anew.
    Those whose credits are to be shared out anew come in small batches: each is a long piece of writing."""
    again = (col(Credit.state) == State.READY) & (col(Credit.reason) != "")
    old = col(LearnerRow.fetched_at) <= now - config.learners.refresh
    old = old | (again & (col(LearnerRow.fetched_at) < col(Credit.state_since)))
    barred = (col(Credit.state) == State.CLOSED) & (col(Credit.reason) == NOT_ELIGIBLE)
    forgotten = col(LearnerRow.found).is_(False) & col(Credit.state).in_(LIVE) & (col(Credit.kind) != "rems")
    waits = or_(col(Credit.state).in_([*judging.OPEN, State.IN_DOUBT]), barred, forgotten)
    with store.reading() as session:
        due = select(LearnerRow.id).join(Award, col(Award.learner_id) == col(LearnerRow.id))
        due = due.join(Credit, col(Credit.award_id) == col(Award.id))
        due = due.where(waits if said_more else waits & old)
        unshared = series.unshared(session)
        found = {*session.exec(due.distinct())}
        found |= evidence.who_wait(session, None if said_more else now - config.learners.refresh)
    return [*_batches(sorted(found - unshared)), *_batches(sorted(unshared), FEW)]


def _refresh_stale(
    store: Store, config: Config, asked: Sequence[directory.Source], counts: Counts, *, said_more: bool
) -> bool:
    """Those whose time has come are asked about anew. A source that says more changes nothing in what the others said.
    False when it was cut short."""
    now = datetime.now(UTC)
    met = set[int]()
    for more in (False, True)[: 1 + said_more]:
        for learners in _stale(store, config, now, said_more=more):
            if store.stopping.is_set():
                return False
            if left := [one for one in learners if one not in met]:
                _refresh(store, config, asked if more else directory.anew(asked), left, counts)
            met.update(learners)
    return True


def _refresh(
    store: Store, config: Config, asked: Sequence[directory.Source], learners: Collection[int], counts: Counts
) -> set[int]:
    """Look these learners up again. Returns those of whom every source has spoken: the others stay as they are."""
    with store.reading() as session:
        mine, keys = people.keys_of(session, learners), _keys(session, learners)
    answers = _ask(store, asked, keys)
    heard = {one for one in learners if answers.silent.isdisjoint(mine.get(one, ()))}
    if not heard:
        return heard
    opening, touched = awards.Opening(config, datetime.now(UTC)), set(heard)
    with store.writing() as session:
        alone(session, ROOM)
        relinked = set[int]()
        asked_about = update(LearnerRow).where(col(LearnerRow.id).in_(heard))  # also whoever lost every key
        session.execute(asked_about.values(fetched_at=opening.now), execution_options={"synchronize_session": False})
        with poison.contained(session, "learners", None, now=opening.now):
            touched -= unchanged.as_before(session, config, heard, answers)
        changed = _remember_all(session, opening, _keys(session, touched), answers, relinked)
        evidence.look(session, opening, relinked, counts)
        judging.judge_all(session, opening, dict.fromkeys(sorted(touched), False) | changed, counts, relinked)
    counts["refreshed"] += len(heard)
    return heard


def _keys(session: Session, learners: Collection[int]) -> list[ActorKey]:
    """All that are theirs, and those that opened their awards."""
    mine = people.keys_of(session, learners)
    return sorted({key for theirs in mine.values() for key in theirs} | people.anchors(session, learners))


def _follow(store: Store, config: Config, counts: Counts) -> None:
    """Awards that lost a statement to voiding, and withdrawn ones that are earned again."""
    with store.reading() as session:
        fallen = select(EvidenceRow.award_id).where(_FALLEN, EvidenceRow.reason == "").distinct()
        fallen = fallen.with_hint(EvidenceRow, "INDEXED BY ix_evidence_voided", "sqlite")
        touched = {one for one in session.exec(fallen) if one is not None}
        touched |= standing.earned_again(session) | standing.never_left(session)
    for award_id in sorted(touched):
        with store.writing() as session:
            alone(session, ROOM)
            opening = awards.Opening(config, datetime.now(UTC))
            award = session.get_one(Award, award_id)
            rows = select(EvidenceRow).where(EvidenceRow.award_id == award_id, col(EvidenceRow.standing).is_(False))
            fallen_now = session.exec(rows.where(EvidenceRow.reason == "")).all()  # what falls meanwhile has its turn
            with poison.contained(session, "learners", None, now=opening.now):
                counts["voided"] += standing.follow(session, opening, award)
                counts["shared"] += series.settle(session, opening, [award.learner_id])
                _mark(session, fallen_now, VOIDED)
                continue
            _mark(session, fallen_now, poison.CODE)


def _correct(store: Store, config: Config, asked: Sequence[directory.Source], counts: Counts) -> None:
    """Awards that evidence has left because a rule was corrected, a learner's all at once or none. Their learners are
    asked about first: who has nothing but confirmed credits was not for long, and a delete rests on his gates."""
    with store.reading() as session:
        left = sorted(corrections.waiting(session))
    last = _CORRECTED.get(store, 0)
    left = sorted(left, key=lambda learner_id: learner_id <= last)[:BATCH]  # a plan may concern thousands
    if left:
        _CORRECTED[store] = left[-1]
        heard = _refresh(store, config, directory.anew(asked), left, counts)
        left = [one for one in left if one in heard]
    for learner_id in left:
        if store.stopping.is_set():
            return
        with store.writing() as session:
            alone(session, ROOM)
            opening = awards.Opening(config, datetime.now(UTC))
            with poison.contained(session, "learners", None, now=opening.now):
                met = corrections.correct(session, opening, learner_id, counts)
                judging.judge_all(session, opening, dict.fromkeys(met, False), counts)
                continue
            corrections.set_aside(session, learner_id)


def _mark(session: Session, fallen: Sequence[EvidenceRow], reason: str) -> None:
    """Voided evidence is followed once; `check --ledger` shows what could not be."""
    for row in fallen:
        row.reason = reason
        session.add(row)


def _batches(ids: list[int], size: int = BATCH) -> list[list[int]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
