"""Who gets how much of an activity's maximum, and which credit carries a date's sum."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.learners.allotment import NONE, Part, Share, allot, shrunk

DAYS = [date(2026, 3, day) for day in (8, 9, 10)]


def d(text: str) -> Decimal:
    return Decimal(text)


def part(number: int, day: int = 0, offered: str = "1.00", *, dated: bool = False, **more: object) -> Part:
    values: dict[str, object] = {
        "award": number,
        "certification": "ABA/Lifelong Learning" if dated else "AMA PRA Category 1",
        "order": (DAYS[day], f"{number:03}", "", number),
        "offered_total": d(offered),
        "purse": "ABA" if dated else "",
        "sum_on": DAYS[day] if dated else None,
    }
    if "sent" in more:
        values["sent_total"] = more["sent"]
    return Part(number=number, offered=d(offered), **{**values, **more})  # type: ignore[arg-type]


def amounts(shares: dict[int, Share]) -> dict[int, str]:
    return {number: str(share.amount) for number, share in sorted(shares.items())}


def carriers(shares: dict[int, Share]) -> dict[int, int | None]:
    return {number: share.into for number, share in sorted(shares.items())}


def test_the_earliest_take_what_there_is_and_the_last_one_what_is_left() -> None:
    parts = [part(3, 2), part(1, 1, "1.50"), part(2, 0, "0.75")]
    assert amounts(allot(parts, d("3.00"))) == {1: "1.50", 2: "0.75", 3: "0.75"}
    assert amounts(allot(parts, d("2.25"))) == {1: "1.50", 2: "0.75", 3: "0.00"}
    assert amounts(allot(parts, None)) == {1: "1.50", 2: "0.75", 3: "1.00"}


def test_what_was_sent_comes_first_though_it_is_later() -> None:
    parts = [part(1), part(2, 2, sent=d("1.00"))]
    assert amounts(allot(parts, d("1.50"))) == {1: "0.50"}
    assert amounts(allot(parts, d("0.50"))) == {1: "0.00"}, "a maximum that was lowered takes nothing back"


def test_the_credit_types_of_a_board_share_its_total() -> None:
    knowledge = part(1, certification="ABIM/Medical Knowledge", purse="ABIM", award=1)
    safety = replace(knowledge, number=2, certification="ABIM/Patient Safety", offered=d("0.75"))
    cme = part(3, award=1)
    shares = allot([knowledge, safety, cme], d("0.50"))
    assert [(one.amount, one.total) for one in shares.values()] == [(d("0.50"), d("0.50"))] * 3
    assert amounts(allot([replace(knowledge, sent=d("1.00"), sent_total=d("1.00")), safety], d("1.00"))) == {2: "0.75"}


def test_one_a_date_is_a_sum_at_the_earliest_within_the_maximum() -> None:
    parts = [part(3, 0, dated=True), part(2, 0, "0.50", dated=True), part(4, 1, dated=True)]
    shares = allot(parts, d("2.00"))
    assert amounts(shares) == {2: "1.50", 3: "0.00", 4: "0.50"}
    assert carriers(shares) == {2: None, 3: 2, 4: None}


def test_beside_one_that_was_sent_each_stands_alone() -> None:
    parts = [part(1, dated=True, sent=d("1.00")), part(2, dated=True), part(3, dated=True)]
    assert carriers(allot(parts, None)) == {2: None, 3: None}


def test_a_sent_sum_keeps_its_parts_and_is_told_when_it_says_too_much() -> None:
    whole = [part(1, dated=True, sent=d("3.00")), part(2, dated=True, into=1), part(3, dated=True, into=1)]
    assert carriers(allot(whole, None)) == {2: 1, 3: 1}
    assert shrunk(whole) == []
    assert shrunk(whole[:2]) == [1]
    assert shrunk([replace(whole[0], sent=d("1.50"))]) == [1]
    assert shrunk([replace(whole[0], sent=d("0.50")), *whole[1:]]) == [], "the maximum had cut it"


def test_a_sum_that_goes_is_followed_by_its_first_part() -> None:
    parts = [part(1, dated=True, sent=d("3.00"), going=True), part(2, dated=True, into=1), part(3, dated=True, into=1)]
    shares = allot(parts, d("3.00"))
    assert shares[2] == Share(d("2.00"), d("2.00"), instead_of=1)
    assert shares[3].into == 2


def test_whatever_follows_a_sent_one_carries_the_sum() -> None:
    parts = [part(1, dated=True), part(2, dated=True, replaces=True)]
    assert carriers(allot(parts, None)) == {1: 2, 2: None}


QUARTERS = st.integers(1, 12).map(lambda steps: Decimal(steps) / 4)


@st.composite
def series(draw: st.DrawFn) -> list[Part]:
    parts = []
    for number in range(1, draw(st.integers(1, 7)) + 1):
        offered, day, dated = draw(QUARTERS), draw(st.integers(0, 2)), draw(st.booleans())
        sent = draw(st.none() | QUARTERS.map(lambda amount, most=offered: min(amount, most)))
        one = part(number, day, str(offered), dated=dated)
        more = {"sent": sent, "sent_total": sent, "going": draw(st.booleans())} if sent else {}
        parts.append(replace(one, **more))
    return parts


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(series(), st.none() | st.integers(0, 16).map(lambda steps: Decimal(steps) / 4), st.randoms())
def test_never_above_the_maximum_and_never_by_arrival(parts: list[Part], most: Decimal | None, chance: object) -> None:
    shares = allot(parts, most)
    mixed = list(parts)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert allot(mixed, most) == shares
    known = {one.number: one for one in parts}
    assert shares.keys() == {one.number for one in parts if one.sent is None}, "what was sent is not touched"
    carried = [replace(one, into=shares[one.number].into) if one.number in shares else one for one in parts]
    assert allot(carried, most) == shares, "done twice it is the same"

    reported, offered = defaultdict[str, Decimal](Decimal), defaultdict[int, Decimal](Decimal)
    for one in parts:
        if not one.going:
            reported[one.purse] += shares[one.number].amount if one.sent is None else one.sent
    for one in parts:
        if one.sent is None:
            offered[shares[one.number].into or one.number] += one.offered
    for number, share in shares.items():
        assert share.amount % Decimal("0.25") == 0
        assert share.amount <= offered[number]
        assert share.into is None or (share.amount, known[share.into].sum_on) == (NONE, known[number].sum_on)
    for purse, total in reported.items():
        sent = sum((one.sent for one in parts if one.purse == purse and one.sent and not one.going), NONE)
        assert most is None or total <= max(most, sent)
    alone = sorted((one for one in parts if one.sent is None and one.sum_on is None), key=lambda one: one.order)
    short = [one for one in alone if shares[one.number].amount < one.offered]
    after = alone[alone.index(short[0]) + 1 :] if short else []
    assert not any(shares[one.number].amount for one in after), "nobody later gets what an earlier one lacks"


@settings(derandomize=True, deadline=None, max_examples=30, database=None)
@given(series())
def test_a_board_that_takes_one_a_date_gets_no_second_unsent_one(parts: list[Part]) -> None:
    shares = allot(parts, None)
    sums: dict[object, int] = defaultdict(int)
    standing = {one.sum_on for one in parts if one.sent is not None and not one.going}
    for one in parts:
        if one.sent is None and one.sum_on is not None and one.sum_on not in standing:
            sums[one.sum_on] += shares[one.number].into is None
    assert all(count == 1 for count in sums.values())
