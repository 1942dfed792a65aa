"""Learners from the user profiles of a Moodle site, by what config.yaml says of its fields. Knows no course.

What Moodle may not show it shows like a blank field: not at all. So nobody is answered of whom it cannot be seen
whether he was deleted, and a mailbox is somebody's own only where Moodle was asked who else has it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from connector.config import Config, MoodleConfig, MoodleProfile
from connector.errors import NeedsOperator
from connector.learners.moodle_users import account_of, forms, number_of, open_moodle
from connector.learners.sources.fields import lack, learner
from connector.moodle.answers import Profile, ProfileField, User
from connector.moodle.client import Moodle
from connector.pars.identifiers import UNREADABLE
from connector.records import Actor, ActorKey, Found, Problem

_DELETED_NAME = re.compile(r".*@.*\.\d{9,11}")
_DELETED_MAIL = re.compile(r"[0-9a-f]{32}")
_SECONDS = re.compile(r"-?\d{1,10}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = {"given_name": "firstname", "family_name": "lastname"}
_SEES_FIELDS = "moodle/user:viewalldetails"
_SEES_MAIL = "moodle/site:viewuseridentity, moodle/course:useremail"


def open_profiles(config: Config, profile: MoodleProfile, name: str) -> MoodleProfiles:
    """The profiles of the Moodle behind one of the sources; the configuration was checked to have it."""
    site, zone = next((one.moodle, one.zone) for one in config.sources if one.moodle and one.name == profile.source)
    return MoodleProfiles(name, site, profile, ZoneInfo(profile.zone or zone or config.providers[0].zone))


class MoodleProfiles:
    """`fetch` asks for users by number, user name or e-mail address, whichever the actor has."""

    def __init__(self, name: str, site: MoodleConfig, profile: MoodleProfile, zone: ZoneInfo) -> None:
        self.name = name
        self._site = site
        self._profile = profile
        self._zone = zone
        self._columns = _NAMES | {str(column): short for column, short in profile.fields.items()}
        self._ids = {**profile.licences, **profile.boards}
        self._professions = {shown.casefold(): meant for shown, meant in profile.professions.items()}

    def speaks_for(self, keys: Collection[ActorKey]) -> set[ActorKey]:
        """Accounts of this site, and every mailbox."""
        return {key for key in keys if key.startswith("mbox:") or account_of(self._site, key)}

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        """Raises NeedsOperator where the token sees too little of a user to answer for anybody."""
        wanted = self.speaks_for(keys)
        if not wanted:
            return {}
        with open_moodle(self._site) as moodle:
            asked = _Users(self._site, moodle)
            found = asked.find(wanted)
            asked.who_else({profile.user for profile in found.values()})
        return {key: self._found(key, profile, asked) for key, profile in found.items()}

    def prove(self, key: ActorKey) -> list[Problem]:
        """Which configured fields Moodle does not show of this learner, and which right is probably missing."""
        if not self.speaks_for([key]):
            hint = "choose somebody by an account of this site, or by a mailbox"
            return [_lack("", f"{self.name} cannot know this actor: it is no account of the site and no mailbox", hint)]
        with open_moodle(self._site) as moodle:
            profile = _Users(self._site, moodle).find({key}).get(key)
        if profile is None:
            rights = f"{_SEES_FIELDS} to find user names, and {_SEES_MAIL} to find addresses"
            hint = f"is the key spelled as in statements, and one user's alone? The role may lack {rights}"
            return [_lack("", f"{self.name} knows nobody by this key", hint)]
        return [*_hidden_names(profile.user), *self._blanks(profile)]

    def _found(self, key: ActorKey, profile: Profile, asked: _Users) -> Found:
        cells = {column: self._text(column, profile, short) for column, short in self._columns.items()}
        more = {domain: self._text("", profile, short) for domain, short in self._ids.items()}
        keys = dict.fromkeys([key, *sorted(asked.keys(profile.user))])
        return Found(learner=learner(cells, self.name, more), keys=tuple(keys))

    def _text(self, column: str, profile: Profile, short: str) -> str:
        """What a field says, as the cell of a sheet would."""
        found = profile.fields.get(short)
        if found is None or found.kind == "textarea":  # it holds HTML
            return ""
        if found.kind == "datetime":
            return self._birth_day(profile, found) if column == "birth_day" else _day_of(found, self._zone)
        return self._professions.get(found.text.casefold(), found.text) if column == "profession" else found.text

    def _birth_day(self, profile: Profile, found: ProfileField) -> str:
        """The day whose midnight it is in the site's zone, or in the user's own, as whoever typed it last had it."""
        seconds = _seconds(found)
        if not seconds:
            return ""  # nobody has chosen a date
        zones = (self._zone, _zone(profile.zone))
        days = {day for zone in zones if zone and (day := _began(seconds, zone))}
        return days.pop().isoformat() if len(days) == 1 else UNREADABLE

    def _blanks(self, profile: Profile) -> Iterator[Problem]:
        blank = "it is left blank, or config.yaml spells its short name otherwise than Moodle's list of profile fields"
        hint = blank if profile.user.username else f"allow in the role, at system level: {_SEES_FIELDS}"
        columns = [*self._columns.items(), *((f"ids.{domain}", short) for domain, short in self._ids.items())]
        for column, short in columns:
            text = self._text(column, profile, short)
            if not text:
                yield _lack(column, f"{self.name} shows no profile field {short} of this learner", hint)
            elif column == "birth_day" and text == UNREADABLE:
                why = f"the date in {short} is no midnight, neither in {self._zone.key} nor in the user's own zone"
                yield _lack(column, why, "set `moodle.zone` to the site's time zone, or keep month and day as text")


class _Users:
    """The users whom one turn asks about, with everybody seen who has one of their addresses."""

    def __init__(self, site: MoodleConfig, moodle: Moodle) -> None:
        self._site = site
        self._moodle = moodle
        self._by_address: dict[str, set[int]] = defaultdict(set)

    def find(self, keys: Collection[ActorKey]) -> dict[ActorKey, Profile]:
        """The one user of each key. A name of digits is a number, unless the plugin sends user names; then it is
        never one: whose name it was may be gone."""
        numbers = {key: str(number) for key in keys if (number := number_of(self._site, key)) is not None}
        names = {key: name for key in keys - numbers.keys() if (name := account_of(self._site, key))}
        mailboxes = {key: key.removeprefix("mbox:") for key in keys if key.startswith("mbox:")}
        by_number = {str(one.user.id): one for one in _there(self._moodle.profiles("id", numbers.values()))}
        by_name = {one.user.username: one for one in _there(self._moodle.profiles("username", names.values()))}
        answers = self._with_addresses(mailboxes.values())
        alone = {address: one for one in answers if len(self._by_address[address := _address(one.user)]) == 1}
        said = ((numbers, by_number), (names, by_name), (mailboxes, alone))
        return {key: known[name] for asked, known in said for key, name in asked.items() if name in known}

    def who_else(self, users: Iterable[User]) -> None:
        """Ask for everybody with the addresses of these: Moodle can be set to let several people share one."""
        addresses = {user.email.strip() for user in users if user.email and _address(user) not in self._by_address}
        self._with_addresses(sorted({*addresses, *(one.lower() for one in addresses)}))

    def keys(self, user: User) -> set[ActorKey]:
        """Every actor that is this user and can be nobody else."""
        is_alone = self._by_address.get(_address(user)) == {user.id}
        named = user if is_alone else replace(user, email="")
        return {key for key in forms(self._site, named) if self._is_his(key, user)}

    def _is_his(self, key: ActorKey, user: User) -> bool:
        number = number_of(self._site, key)
        return number == user.id if number is not None else account_of(self._site, key) in (None, user.username)

    def _with_addresses(self, addresses: Iterable[str]) -> list[Profile]:
        answers = list(_there(self._moodle.profiles("email", addresses)))
        for one in answers:
            self._by_address[_address(one.user)].add(one.user.id)
        return answers


def _there(profiles: Iterable[Profile]) -> Iterator[Profile]:
    """Without the deleted: asked by number, Moodle answers for them as for anybody."""
    for one in profiles:
        if not one.user.username and not one.user.email:
            message = "Moodle shows this token neither user names nor e-mail addresses: nobody can tell who was deleted"
            raise NeedsOperator(
                "moodle.no_right", message, f"allow in the role, at system level: {_SEES_FIELDS}, {_SEES_MAIL}"
            )
        if not (_DELETED_NAME.fullmatch(one.user.username) or _DELETED_MAIL.fullmatch(one.user.email)):
            yield one


def _address(user: User) -> str:
    return user.email.strip().lower()


def _hidden_names(user: User) -> Iterator[Problem]:
    if not user.username:
        hint = f"allow in the role, at system level: {_SEES_FIELDS}"
        yield _lack("username", "Moodle shows this token no user names, nor hidden profile fields", hint)
    if not user.email:
        hint = f"allow in the role, at system level: {_SEES_MAIL}"
        yield _lack("email", "Moodle shows this token no e-mail addresses: nobody is found by a mailbox", hint)


def _lack(column: str, message: str, hint: str) -> Problem:
    return lack(column, message, hint, Actor.ADMINISTRATOR)


def _seconds(found: ProfileField) -> int:
    """Since 1970, before it negative; 0 for no date."""
    return int(found.text) if _SECONDS.fullmatch(found.text) else 0


def _day_of(found: ProfileField, zone: ZoneInfo) -> str:
    seconds = _seconds(found)
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).date().isoformat() if seconds else ""


def _began(seconds: int, zone: ZoneInfo) -> date | None:
    """The day that began at this second; None where none did. Twice a year clocks may skip or repeat midnight."""
    day = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).date()
    starts = (datetime.combine(day, time(0, fold=fold), zone).timestamp() for fold in (0, 1))
    return day if seconds in starts else None


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None  # 99: the site's
