"""What a person decides about one credit of the desk: correct its learner, try again, leave it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import click
from sqlmodel import Session

from connector import terminal
from connector.cli.looking import show_credits
from connector.cli.wishing import A_CREDIT, ask, waits
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.config import Config
from connector.inquiry import listing
from connector.learners import decisions, mending
from connector.learners.naming import is_said
from connector.records import Problem
from connector.store import fixes, wishes
from connector.store.states import State
from connector.store.tables import Award, Credit
from connector.validation.stage import NOT_FOUND


@click.command("fix")
@click.argument("credit", type=A_CREDIT)
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="Correct the learner; FIELD alone asks.")
@click.option("--suggestion", type=click.IntRange(1), help="Take the near miss of that number in `unmatched show`.")
@click.option("--same-person", is_flag=True, help="The name in the statement is this learner's too.")
@click.option("--not-same-person", "other_person", is_flag=True, help="It is not: takes --same-person back.")
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
    other_person: bool,
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
    pars-connector unmatched fix 17 --not-same-person
    pars-connector unmatched fix 17 --sum
    """
    ways = [bool(values), suggestion is not None, same_person, other_person, sums]
    if sum(ways) != 1:
        raise click.UsageError("say one of --set, --suggestion, --same-person, --not-same-person and --sum")
    if sums:
        return _sum(work, credit, yes=yes, wait=wait, as_json=as_json)
    earning = work.config.learners.earning
    with work.store.reading() as session:
        row = session.get(Credit, credit)
        no = _refusal(credit, row, is_value=bool(values) or suggestion is not None)
        if row is None or no:
            terminal.complain(no)
            return FAILED
        learner = session.get_one(Award, row.award_id).learner_id
        if same_person or other_person:
            corrected = _named(session, row, is_his=same_person)
        else:
            corrected = _corrected(session, row, values, suggestion, earning)
    if corrected is None:
        terminal.complain(f"credit {credit} has nothing like that: `unmatched show {credit}` says what it has")
        return FAILED
    for warning in consequences(corrected, work.config):
        terminal.complain(warning)
    return ask(work, wishes.FIX, {"credit": credit, "learner": learner, "fields": corrected}, wait=wait)


def _refusal(number: int, credit: Credit | None, *, is_value: bool) -> str:
    """Why nothing of this credit's learner can be corrected here; empty where it can."""
    if credit is None:
        return f"there is no credit {number}: `unmatched list` shows which wait for a person"
    if not is_value:
        return ""
    unknown = next((one for one in credit.gate if one["code"] == NOT_FOUND), None)
    if unknown is not None and credit.state == State.HELD:
        return f"credit {number}: {unknown['message']}, so a correction changes nothing: {unknown['hint']}"
    if not mending.may_fix(credit):
        return f"credit {number} is {credit.state} and waits for no correction: `explain {number}` says where it stands"
    return ""


def consequences(fields: Mapping[str, str], config: Config) -> list[str]:
    """What a correction that is taken brings about, or looks like: values are not repeated."""
    from connector.desk import corrections

    said = [f"looks mistyped: {one.message}; {one.hint}" for one in corrections.doubts(fields)]
    profession, learners = fields.get("profession", "").upper(), config.learners
    lists = {"CME": learners.cme_professions, "a board (MOC)": learners.moc_professions}
    closed = [what for what, names in lists.items() if profession not in {name.upper() for name in names}]
    if profession and closed:
        which = " and ".join(closed)
        said.append(f"this closes his credits for {which}: the profession earns none (learner.not_eligible)")
    return said


def _corrected(
    session: Session, credit: Credit, values: tuple[str, ...], suggestion: int | None, earning: Collection[str]
) -> dict[str, str] | None:
    """Field by field; None where there is no such suggestion."""
    if values:
        return dict(_entered(value, earning) for value in values)
    from connector.desk import suggestions

    offered = suggestions.of(session, credit)
    return next((dict(one.corrected) for one in offered if one.rank == suggestion), None)


def _named(session: Session, credit: Credit, *, is_his: bool) -> dict[str, str] | None:
    """The name in its statement; None where there is none. To take back: where its own name was not said to be his,
    every name that was, as what they had completed may be one award by now."""
    award = session.get_one(Award, credit.award_id)
    if is_his:
        return {fixes.ACTOR_NAME: award.actor_name} if award.actor_name else None
    names = fixes.actor_names(session, award.learner_id)
    own = award.actor_name if is_said(award.actor_name, names) else ""
    return {fixes.NOT_ACTOR_NAME: own} if names else None


def _entered(text: str, earning: Collection[str]) -> tuple[str, str]:
    """Raises a usage error that does not repeat the value."""
    field, given, value = text.partition("=")
    if not given:
        value = click.prompt(field, hide_input=True, confirmation_prompt=True)
    from connector.desk import corrections

    found = corrections.correct(field.strip(), value, earning)
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
@click.option("--why", required=True, help="For whoever asks later; `explain` shows it: no name.")
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
