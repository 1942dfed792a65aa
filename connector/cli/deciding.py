"""What a person decides about one credit of the desk: correct its learner, try again, leave it."""

from __future__ import annotations

import click
from sqlmodel import Session

from connector import terminal
from connector.cli.looking import show_credits
from connector.cli.wishing import A_CREDIT, ask, waits
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.inquiry import listing
from connector.learners import decisions, mending
from connector.records import Problem
from connector.store import fixes, wishes
from connector.store.tables import Award, Credit


@click.command("fix")
@click.argument("credit", type=A_CREDIT)
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="Correct the learner; FIELD alone asks.")
@click.option("--suggestion", type=click.IntRange(1), help="Take the near miss of that number in `unmatched show`.")
@click.option("--same-person", is_flag=True, help="The name in the statement is this learner's too.")
@click.option("--sum", "sums", is_flag=True, help="Two credits of one date: withdraw the first, report the sum.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@waits
@as_json
@pass_work
@plainly
def unmatched_fix(
    work: Work,
    credit: int,
    values: tuple[str, ...],
    suggestion: int | None,
    *,
    same_person: bool,
    sums: bool,
    yes: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Correct what keeps a credit from being matched.

    A corrected value counts until the learner source itself says something else. All gates judge again, and whatever
    passes is sent by itself. FIELD is given_name, family_name, birth_day, npi, profession, consent, or a state's or
    board's code for the number there. Without a VALUE it is asked for, so that it stays out of the shell's history.

    \b
    pars-connector unmatched fix 17 --set birth_day=04/12
    pars-connector unmatched fix 17 --set npi
    pars-connector unmatched fix 17 --set CA=A123456 --set consent=yes
    pars-connector unmatched fix 17 --suggestion 1
    pars-connector unmatched fix 17 --same-person
    pars-connector unmatched fix 17 --sum
    """
    ways = [bool(values), suggestion is not None, same_person, sums]
    if sum(ways) != 1:
        raise click.UsageError("say one of --set, --suggestion, --same-person and --sum")
    if sums:
        return _sum(work, credit, yes=yes, wait=wait, as_json=as_json)
    with work.store.reading() as session:
        row = session.get(Credit, credit)
        learner = session.get_one(Award, row.award_id).learner_id if row else 0
        corrected = _corrected(session, row, values, suggestion, same_person=same_person) if row else None
    if corrected is None:
        terminal.complain(f"credit {credit} has nothing like that: `unmatched show {credit}` says what it has")
        return FAILED
    return ask(work, wishes.FIX, {"credit": credit, "learner": learner, "fields": corrected}, wait=wait)


def _corrected(
    session: Session, credit: Credit, values: tuple[str, ...], suggestion: int | None, *, same_person: bool
) -> dict[str, str] | None:
    """Field by field; None where there is no such suggestion, or no name in its statement."""
    if values:
        return dict(_entered(value) for value in values)
    if same_person:
        name = session.get_one(Award, credit.award_id).actor_name
        return {fixes.ACTOR_NAME: name} if name else None
    from connector.desk import suggestions

    offered = suggestions.of(session, credit)
    return next((dict(one.corrected) for one in offered if one.rank == suggestion), None)


def _entered(text: str) -> tuple[str, str]:
    """Raises a usage error that does not repeat the value."""
    field, given, value = text.partition("=")
    if not given:
        value = click.prompt(field, hide_input=True, confirmation_prompt=True)
    from connector.desk import corrections

    found = corrections.correct(field.strip(), value)
    if isinstance(found, Problem):
        raise click.UsageError(f"{field}: {found.message}" + (f"; {found.hint}" if found.hint else ""))
    return found


def _sum(work: Work, credit: int, *, yes: bool, wait: bool, as_json: bool) -> int:
    """The first is withdrawn, and reported again with the sum; it leaves only when the sum has passed every gate."""
    with work.store.reading() as session:
        second = session.get(Credit, credit)
        first = second and decisions.may_sum(session, second)
        pair = [listing.one(session, row) for row in (first, second) if row]
    if first is None:
        terminal.complain(f"credit {credit} is not held as a second one of its date: `unmatched list` shows which are")
        return FAILED
    show_credits(pair, "", "", as_json=as_json)
    if not yes:
        click.confirm(f"Withdraw credit {first.id} and report the sum of both?", abort=True, err=as_json)
    return ask(work, decisions.SUM, {"credit": credit}, wait=wait)


@click.command("retry")
@click.argument("credit", type=A_CREDIT)
@waits
@as_json
@pass_work
@plainly
def unmatched_retry(work: Work, credit: int, *, wait: bool, as_json: bool) -> int:
    """Try a credit again as it is.

    After PARS or the board has put something right on its side. All gates judge again. What PARS never held leaves
    under its own id; what it holds and rejected is withdrawn and reported anew. A credit that was closed here opens.

    \b
    pars-connector unmatched retry 17
    """
    with work.store.reading() as session:
        row = session.get(Credit, credit)
        shown = [listing.one(session, row)] if row is not None and mending.may_retry(row) else []
    if not shown:
        terminal.complain(f"a second attempt changes nothing for credit {credit}: `explain {credit}` says what happens")
        return FAILED
    show_credits(shown, "", "", as_json=as_json)
    return ask(work, wishes.RETRY, {"credit": credit}, wait=wait)


@click.command("close")
@click.argument("credit", type=A_CREDIT)
@click.option("--why", required=True, help="For whoever asks later; kept in the store only.")
@waits
@as_json
@pass_work
@plainly
def unmatched_close(work: Work, credit: int, why: str, *, wait: bool, as_json: bool) -> int:
    """Leave a credit as it is and take it off the list.

    What was not sent is never sent then, unless somebody tries it again (`unmatched retry`). A credit that only had to
    be looked at stays what it is.

    \b
    pars-connector unmatched close 17 --why "agreed with the board"
    """
    with work.store.reading() as session:
        row = session.get(Credit, credit)
        shown = [listing.one(session, row)] if row is not None and mending.may_close(row) else []
    if not shown:
        terminal.complain(f"credit {credit} does not wait for a decision: `explain {credit}` says where it stands")
        return FAILED
    show_credits(shown, "", "", as_json=as_json)
    return ask(work, decisions.CLOSE, {"credit": credit, "why": why}, wait=wait)


COMMANDS = (unmatched_fix, unmatched_retry, unmatched_close)
