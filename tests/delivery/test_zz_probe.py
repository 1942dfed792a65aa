import pytest
from tests.delivery.correcting import *
from datetime import date
def test_x(delivery):
    c = Course(delivery)
    one = c.tell()
    c.turn(); 
    print(c.states(), c.delivery.sandbox.pars.ledger())
    print([ (r.reason, r.problems) for r in c.rows()])
    c.apply(one, credits=offers("1.25"))
    for _ in range(4):
        c.turn(); print(c.states(), [(r.reason, r.supersedes, r.attention, r.credit_id[-3:]) for r in c.rows()], c.held())
    c.apply(one, credits=offers("1.25"), completed_on=date(2026,3,9))
    for _ in range(4):
        c.turn(); print(c.states(), [(r.reason, r.supersedes, r.attention, r.credit_id[-3:]) for r in c.rows()], c.held())
    c.apply(one, credits=offers("1.25"), activity_id=HYPERTENSION)
    for _ in range(4):
        c.turn(); print(c.states(), [(r.reason, r.supersedes, r.attention, r.credit_id[-3:]) for r in c.rows()], c.held())
