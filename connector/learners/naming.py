"""Does the name in a statement fit the learner whom its mailbox or account stands for? Pure; repeats no name.

Two people may share a mailbox. Only what plainly is another given name or another family name does not fit.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson
from pydantic import SecretStr

from connector.lrs.actors import NotUsableError, actor_key, is_group
from connector.pars.names import DEGREES, SUFFIXES, plain
from connector.records import Learner, PersonName

MOST_NAME: Final = 300
"""Characters of a name that are kept."""
_TITLES: Final = frozenset({"dr", "doctor", "prof", "professor", "mr", "mrs", "ms", "miss", "mx", "sir", "dame", "rev"})
_MARKS: Final = _TITLES | DEGREES | SUFFIXES | {"esq", "bs", "ba", "ma", "edd", "od", "aprn", "cnm", "arnp", "cns"}
_PARTICLES: Final = frozenset({
    "al", "bin", "da", "dal", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "ibn", "la", "las", "le",
    "los", "mc", "mac", "o", "san", "st", "ten", "ter", "van", "vander", "von", "y", "zu",
})  # fmt: skip
_UNKNOWN: Final = frozenset({"fnu", "lnu", "nmn"})  # in American papers: first name, last name unknown; no middle name
_LETTERS: Final = str.maketrans({
    "\u00df": "ss", "\u00f8": "o", "\u00e6": "a", "\u0153": "o", "\u0142": "l", "\u0111": "d", "\u00f0": "d",
    "\u00fe": "th", "\u0131": "i",
})  # fmt: skip
_SPELT: Final = (("ae", "a"), ("oe", "o"), ("ue", "u"))  # Mueller is Müller
_NICKNAMES: Final = (
    "abigail abby", "albert al bert", "alexander alex alec sandy", "alexandra alex sandra", "alfred al fred",
    "amanda mandy", "andrew andy drew", "anthony tony", "arthur art", "barbara barb", "benjamin ben", "bernard bernie",
    "bradley brad", "cassandra cassie sandra",
    "catherine katherine kathryn katharine cathy kathy kate katie kat kathleen",
    "charles charlie chuck chas", "christina christine chris tina christy", "christopher chris", "cynthia cindy",
    "daniel dan danny", "david dave", "deborah debra deb debbie", "donald don", "dorothy dot dottie", "douglas doug",
    "edward ed eddie ted ned", "eleanor ellie nell", "elizabeth elisabeth liz beth betty eliza lisa betsy libby",
    "emily em", "eugene gene", "frances fran", "francis frank", "franklin frank", "frederick frederic fred",
    "gabriel gabe", "geoffrey jeffrey geoff jeff", "gerald gerry jerry", "gregory greg", "harold hal harry",
    "henry hank harry", "herbert herb", "jacob jake", "jacqueline jackie", "james jim jimmy jamie",
    "janet jan", "jason jay", "jennifer jen jenny", "jeremy jerry", "jessica jess jessie", "john jack johnny jon",
    "jonathan jon", "joseph joe joey", "joshua josh", "judith judy", "kenneth ken kenny", "kimberly kim",
    "lawrence laurence larry", "leonard len leo", "lillian lily", "louis lewis lou", "margaret maggie meg peggy margie",
    "martha marty", "martin marty", "matthew matt", "maxwell max", "maximilian max", "megan meg", "melissa missy",
    "michael mike mick mickey", "mohammed mohammad muhammad mohamed mohamad", "nancy nan", "natalie nat",
    "nathaniel nathan nate", "nicholas nicolas nick", "nicole nicky nikki", "pamela pam", "patricia pat patty trish",
    "patrick pat paddy", "peter pete", "philip phillip phil", "rachel rachael", "raymond ray", "rebecca becky becca",
    "reginald reggie", "richard rick dick rich ricky", "robert bob rob bobby robbie bert", "roberta bobbie",
    "ronald ron ronnie", "russell russ", "samantha sam", "samuel sam", "sandra sandy", "sarah sara sally",
    "stephanie steph", "stephen steven steve", "stuart stewart stu", "susan sue suzanne susie", "teresa theresa terry",
    "theodore ted theo", "thomas tom tommy", "timothy tim", "valerie val", "victor vic", "victoria vicky tori",
    "vincent vince vinny", "virginia ginny", "walter walt", "william will bill billy liam", "zachary zach zack",
)  # fmt: skip


def spoken(raw: bytes | None, key: str) -> str:
    """The name that a statement gives the actor with this key; of a group, that member's. Empty where it gives none."""
    try:
        actor = orjson.loads(raw or b"null")["actor"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return ""
    agents: Any = actor.get("member") if is_group(actor) else [actor]
    agents = agents if isinstance(agents, list) else [agents]
    named = (one["name"] for one in agents if _is(one, key) and isinstance(one.get("name"), str))
    return next(named, "").replace("\x00", "").strip()[:MOST_NAME]


def _is(agent: Any, key: str) -> bool:
    try:
        return actor_key(agent) == key
    except NotUsableError:
        return False


def is_said(actor_name: str, names: Iterable[str]) -> bool:
    """Is this one of the names that a person said are his?"""
    return plain(actor_name) in map(plain, names)


def guest(actor_name: str, learner: Learner, names: Iterable[str], *, found: bool = True) -> str:
    """Empty where the name is or may be the learner's own; else what stands for whoever used his mailbox or account.

    Of a learner whom no source has `found` yet nobody knows the name: until then every name is somebody's.
    """
    if not actor_name or (found and fits(actor_name, learner)) or is_said(actor_name, names):
        return ""
    words = " ".join(sorted(_words(actor_name, known=frozenset()))) or plain(actor_name)
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def fits(actor_name: str, learner: Learner) -> bool:
    """Could the learner be called so? What cannot be compared fits: no name, one word, an address, another script.

    >>> from connector.records import PersonName
    >>> zanna = Learner(given_name=PersonName("Zanna M."), family_name=PersonName("Quixley-Ray"))
    >>> [fits(name, zanna) for name in ("Dr. Zanna Quixley, MD", "QUIXLEY RAY, Z.", "zquixley", "Boris Quixley")]
    [True, True, True, False]
    """
    given, family = (_of(getattr(learner, name)) for name in ("given_name", "family_name"))
    said = _words(actor_name, known={*given, *family})
    if "@" in actor_name or min(len(said), len(re.findall(r"[^\s,]+", actor_name))) < 2 or not (given and family):
        return True
    return _is_latin(said) != _is_latin([*given, *family]) or _fit(said, given, family)


def is_other_given(one: str, other: str) -> bool:
    """Can these given names not be one person's?

    >>> [is_other_given("Zanna Marie", other) for other in ("Z.", "marie", "Zannamarie", "Boris", "", "\u017d")]
    [False, False, False, True, False, False]
    """
    mine, theirs = _words_of(one), _words_of(other)
    if not (mine and theirs) or _is_latin(mine) != _is_latin(theirs):
        return False
    return not (_is_given(mine, theirs, ()) or _is_given(theirs, mine, ()))


def go_together(one: str, other: str) -> bool:
    """Could two names in statements be one person's, whichever of their words is the family name?

    >>> [go_together("Zanna M. Quixley", other) for other in ("Quixley, Z.", "", "zq", "Zanna Ray", "Boris Quixley")]
    [True, True, True, False, False]
    """
    words = _words(other, known=_MARKS)
    cuts = [(words[:at], words[at:]) for at in range(1, len(words))]
    pairs = [pair for given, family in cuts for pair in ((given, family), (family, given))]
    called = [
        Learner(given_name=PersonName(" ".join(given)), family_name=PersonName(" ".join(family)))
        for given, family in pairs
    ]
    return "@" in other or not called or any(fits(one, learner) for learner in called)


def _of(name: SecretStr | None) -> list[str]:
    return _words_of(name.get_secret_value() if name else "")


def _words_of(said: str) -> list[str]:
    """Do and Ma are family names too."""
    return _words(said, known=frozenset()) or _words(said, known=_MARKS)


def _words(name: str, known: AbstractSet[str]) -> list[str]:
    """For comparison, without titles and degrees, unless one of them is a part of the name that is known."""
    tokens = re.split(r"[\s,;()\"\u201c\u201d]+", _folded(name))
    marks = _MARKS - known
    names = [token for token in tokens if token.replace(".", "") not in marks]
    return [
        word
        for token in names
        for word in re.split(r"[-\u2010\u2011\u2013_.]", token)
        if word.isalpha() and word not in _UNKNOWN
    ]


def _folded(name: str) -> str:
    text = unicodedata.normalize("NFKD", plain(name)).translate(_LETTERS).replace("'", "")
    text = "".join(mark for mark in text if not unicodedata.combining(mark))
    for long, short in _SPELT:
        text = text.replace(long, short)
    return text


def _is_latin(words: Iterable[str]) -> bool:
    return all(word.isascii() for word in words)


def _fit(said: Sequence[str], given: Sequence[str], family: Sequence[str]) -> bool:
    """Is there a stretch that is the family name, and is what stands around it his given name, or more of the family's?

    Given alone, or family alone, says nothing against him.
    """
    if set(said) <= {*given} or set(said) <= {*family}:
        return True
    stretches = [(at, to) for at in range(len(said)) for to in range(at + 1, len(said) + 1)]
    return any(
        _is_family(said[at:to], family) and _is_given([*said[:at], *said[to:]], given, family) for at, to in stretches
    ) or _is_short(said, given, family)


def _is_family(words: Sequence[str], family: Sequence[str]) -> bool:
    """The whole name, however it is divided, or one of its parts; `van` alone is none."""
    if "".join(words) == "".join(family):
        return True
    parts = [word for word in family if word not in _PARTICLES] or family
    return len(words) == 1 and words[0] in parts


def _is_given(words: Sequence[str], given: Sequence[str], family: Sequence[str]) -> bool:
    """First names that fit, or a middle name by which he goes; whatever stands for the family does not count."""
    rest = [word for word in words if word not in family and word not in _PARTICLES]
    if not rest or _are_one(rest, given) or _are_one(given, rest):
        return True
    if _are_alike(rest[0], given[0]) or rest[0] == _initials(given)[: len(rest[0])]:
        return True
    known, said = _whole(given), _whole(rest)
    return any(_are_alike(said[0], one) for one in known[1:] if said) or any(
        _are_alike(one, known[0]) for one in said if known
    )


def _are_one(whole: Sequence[str], parts: Sequence[str]) -> bool:
    """Maryann is Mary Ann."""
    return "".join(whole) in ("".join(parts[:to]) for to in range(1, len(parts) + 1))


def _is_short(said: Sequence[str], given: Sequence[str], family: Sequence[str]) -> bool:
    """`Zanna Q.`, as some systems show people to each other."""
    return len(said[-1]) == 1 and family[0].startswith(said[-1]) and _are_alike(said[0], given[0])


def _whole(names: Sequence[str]) -> list[str]:
    return [name for name in names if len(name) > 1]


def _initials(names: Sequence[str]) -> str:
    return "".join(name[0] for name in names)


def _are_alike(one: str, other: str) -> bool:
    if 1 in (len(one), len(other)):
        return one[0] == other[0]
    return one == other or bool(_ALIKE.get(one, frozenset()) & _ALIKE.get(other, frozenset()))


def _groups() -> dict[str, frozenset[int]]:
    """The circles of first names that each belongs to: a Chris is Christopher or Christina, who are not each other."""
    found: dict[str, set[int]] = {}
    for number, names in enumerate(_NICKNAMES):
        for name in names.split():
            found.setdefault(_folded(name), set()).add(number)
    return {name: frozenset(circles) for name, circles in found.items()}


_ALIKE: Final = _groups()
