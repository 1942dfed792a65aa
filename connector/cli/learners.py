"""Learners on the command line: which actors are one person, who said so, and what is known of him."""

from __future__ import annotations

import sys

import click

from connector import terminal
from connector.cli.probing import learners_import
from connector.cli.readying import learners_check
from connector.cli.wishing import ask, waits
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.inquiry import person
from connector.inquiry.listing import counted, find_learner
from connector.lrs.actors import NotUsableError, actor_key
from connector.records import ActorKey
from connector.store import wishes


def _actor(context: click.Context, parameter: click.Parameter, value: str) -> ActorKey:
    """An actor key as `learners show --values` writes it, normalised as those of statements are."""
    kind, _, rest = value.partition(":")
    home_page, _, account = rest.rpartition("|")
    agent = {kind: {"homePage": home_page, "name": account} if kind == "account" else rest}
    try:
        return actor_key(agent)
    except NotUsableError:
        forms = "mbox:ADDRESS, mbox_sha1sum:HASH, openid:URL or account:HOME_PAGE|NAME"
        message = f"no actor key; it is written {forms}"
        raise click.BadParameter(message, context, parameter) from None


@click.group()
def learners() -> None:
    """Who learners are, and whether PARS would know them.

    \b
    pars-connector learners check --roster registered.xlsx
    pars-connector learners show 12
    pars-connector learners link "account:https://lms.example.org|3" 12
    pars-connector learners unlink mbox:office@example.org
    """


@learners.command("link")
@click.argument("actor", callback=_actor)
@click.argument("learner")
@click.option("--yes", is_flag=True, help="Do not ask.")
@waits
@pass_work
@plainly
def learners_link(work: Work, actor: ActorKey, learner: str, *, yes: bool, wait: bool) -> int:
    """Say that ACTOR is LEARNER.

    LEARNER is a number, or another actor key of his. Whoever had the actor until now becomes this learner, with all
    his actors and credits. What was not sent twice closes as the same; what PARS holds twice waits on the desk for a
    person. It is not done where the learner sources say that they are two people.

    \b
    pars-connector learners link "account:https://lms.example.org|3" 12
    """
    with work.store.reading() as session:
        into = find_learner(session, learner)
        link = person.link_of(session, actor)
        of_other = person.actors(session, link.learner_id) if link else []
    if into is None:
        terminal.complain(f"there is no learner {learner}: `pars-connector records` lists their numbers")
        return FAILED
    if link is not None and link.learner_id != into.id:
        actors = counted(len(of_other), "actor", "actors")
        terminal.complain(f"learner {link.learner_id}, with {actors}, becomes learner {into.id}")
        if not yes:
            click.confirm("Are the two one person?", abort=True, err=True)
    return ask(work, wishes.LINK, {"actor": actor, "learner": into.id}, wait=wait)


@learners.command("unlink")
@click.argument("actor", callback=_actor)
@waits
@pass_work
@plainly
def learners_unlink(work: Work, actor: ActorKey, *, wait: bool) -> int:
    """Say that ACTOR is not the learner he is taken for.

    He becomes a learner of his own, with the credits that his statements opened. Whatever the learner sources say of
    this actor counts for nobody from then on, until somebody links him again: to the learner whose he is, or to
    himself (`learners link ACTOR ACTOR`), and the sources count again.

    \b
    pars-connector learners unlink mbox:office@example.org
    """
    with work.store.reading() as session:
        link = person.link_of(session, actor)
    if link is None:
        terminal.complain("nobody was met under this actor: `learners show LEARNER` lists a learner's actors")
        return FAILED
    return ask(work, wishes.UNLINK, {"actor": actor}, wait=wait)


@learners.command("show")
@click.argument("learner")
@click.option("--values", is_flag=True, help="Show the values too; on a terminal only.")
@as_json
@pass_work
@plainly
def learners_show(work: Work, learner: str, *, values: bool, as_json: bool) -> int:
    """Show what is known of one learner, and who said so.

    LEARNER is a number or an actor key. Names and numbers are masked, and so are actors that may name him: --values
    shows them, as `learners link` and `unlink` take them.

    \b
    pars-connector learners show 12
    pars-connector learners show mbox:anna@example.org --values
    """
    if values and (as_json or not sys.stdout.isatty()):
        terminal.complain("--values shows them on a terminal only: they belong into no file and no mail")
        return FAILED
    with work.store.reading() as session:
        known = person.known(session, learner, values=values)
    if known is None:
        terminal.complain(f"there is no learner {learner}: `pars-connector records` lists their numbers")
        return FAILED
    if as_json:
        terminal.json_lines([known.model_dump(mode="json")])
    else:
        terminal.story(known.lines())
    return 0


learners.add_command(learners_check)
learners.add_command(learners_import)

COMMANDS = (learners,)
