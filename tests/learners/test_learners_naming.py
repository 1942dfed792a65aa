"""A statement's name beside the directory's: what fits, and what is plainly another person on the same mailbox."""

from __future__ import annotations

import orjson
import pytest

from connector.learners.naming import fits, is_said, spoken
from connector.records import Learner, PersonName


def learner(given: str | None, family: str | None) -> Learner:
    return Learner(given_name=PersonName(given) if given else None, family_name=PersonName(family) if family else None)


@pytest.mark.parametrize(
    ("said", "given", "family"),
    [
        ("", "Zanna", "Quixley"),
        ("zquixley", "Zanna", "Quixley"),
        ("boris.vantongeren", "Zanna", "Quixley"),
        ("boris vantongeren@example.org", "Zanna", "Quixley"),
        ("Learner 4711", "Zanna", "Quixley"),
        ("Boris Vantongeren", None, "Quixley"),
        ("Siti Suharti", "FNU", "Suharti"),
        ("FNU Suharti", "FNU", "Suharti"),
        ("Zanna Quixley", "Zanna", "Quixley"),
        ("ZANNA QUIXLEY", "Zanna", "Quixley"),
        ("Quixley, Zanna", "Zanna", "Quixley"),
        ("Quixley Zanna", "Zanna", "Quixley"),
        ("Dr. Zanna Quixley, M.D., FACP", "Zanna", "Quixley"),
        ("Prof. Dr. Zanna Quixley PhD", "Zanna", "Quixley"),
        ("Zanna Quixley Jr.", "Zanna", "Quixley"),
        ("Zanna Quixley", "Zanna", "Quixley III"),
        ("Thi Do", "Thi", "Do"),
        ("Dr. Yo-Yo Ma", "Yo-Yo", "Ma"),
        ("Zoe Nunez", "Zo\u00eb", "N\u00fa\u00f1ez"),
        ("Juergen Mueller", "J\u00fcrgen", "M\u00fcller"),
        ("Jurgen Muller", "J\u00fcrgen", "M\u00fcller"),
        ("Soren Ostergaard", "S\u00f8ren", "\u00d8stergaard"),
        ("Ana Garc\u00eda", "Ana", "Garc\u00eda L\u00f3pez"),
        ("Garcia Lopez, Ana", "Ana", "Garc\u00eda"),
        ("Zanna Quixley-Ray", "Zanna", "Quixley"),
        ("Zanna Quixley", "Zanna", "Quixley-Ray"),
        ("Quixley Ray", "Zanna", "Quixley-Ray"),
        ("Zanna Ray Quixley", "Zanna", "Quixley"),
        ("M. Baker", "Mira", "Baker"),
        ("Baker M", "Mira", "Baker"),
        ("MJ Baker", "Mira Jane", "Baker"),
        ("M.J. Baker", "Mira Jane", "Baker"),
        ("Mira Jane Baker", "Mira", "Baker"),
        ("Mira Baker", "Mira Jane", "Baker"),
        ("Jane Baker", "Mira Jane", "Baker"),
        ("Edgar Baker", "J. Edgar", "Baker"),
        ("Mira B.", "Mira", "Baker"),
        ("Bob Baker", "Robert", "Baker"),
        ("William Baker", "Bill", "Baker"),
        ("Kate Baker", "Kathryn", "Baker"),
        ("Robert (Bob) Baker", "Bob", "Baker"),
        ("Mary Ann Baker", "Maryann", "Baker"),
        ("Jean-Luc Baker", "Jeanluc", "Baker"),
        ("Mary Ann", "Mary Ann", "Baker"),
        ("Conor O\u2019Neill", "Conor", "O'Neill"),
        ("Conor O Neill", "Conor", "O'Neill"),
        ("Conor ONeill", "Conor", "O'Neill"),
        ("Boris Van Tongeren", "Boris", "Vantongeren"),
        ("Boris van der Berg", "Boris", "van der Berg"),
        ("Boris Vanderberg", "Boris", "van der Berg"),
        ("Fiona Mc Donald", "Fiona", "McDonald"),
        ("\u0410\u043d\u043d\u0430 \u041a\u0432\u0438\u043a\u0441\u043b\u0438", "Anna", "Quixley"),
    ],
)
def test_one_persons_name_fits_however_it_is_written(said: str, given: str | None, family: str | None) -> None:
    assert fits(said, learner(given, family))


@pytest.mark.parametrize(
    ("said", "given", "family"),
    [
        ("Boris Quixley", "Zanna", "Quixley"),
        ("Quixley, Boris", "Zanna", "Quixley"),
        ("Zanna Vantongeren", "Zanna", "Quixley"),
        ("Boris Vantongeren", "Zanna", "Quixley"),
        ("B. Quixley", "Zanna", "Quixley"),
        ("Maria Quixley", "Zanna M.", "Quixley"),
        ("M. Quixley", "Zanna M.", "Quixley"),
        ("Dr. Boris Quixley, MD", "Zanna", "Quixley"),
        ("Paula Baker", "Paul", "Baker"),
        ("Danielle Baker", "Daniel", "Baker"),
        ("Robert Baker", "Roberta", "Baker"),
        ("Christina Baker", "Christopher", "Baker"),
        ("Zanna van Ray", "Zanna", "van Quixley"),
        ("Ray Vantongeren", "Ray", "Quixley"),
        ("Juan Garc\u00eda", "Ana", "Garc\u00eda L\u00f3pez"),
        ("\u0411\u043e\u0440\u0438\u0441 \u041a\u0432\u0438\u043a\u0441\u043b\u0438", "\u0410\u043d\u043d\u0430",
         "\u041a\u0432\u0438\u043a\u0441\u043b\u0438"),
    ],
)  # fmt: skip
def test_another_person_on_the_same_mailbox_does_not_fit(said: str, given: str, family: str) -> None:
    assert not fits(said, learner(given, family))


ANNA, BORIS = {"mbox": "mailto:Anna@example.org", "name": " Zanna Quixley "}, {"openid": "https://b.example.org/"}


@pytest.mark.parametrize(
    ("actor", "key", "name"),
    [
        (ANNA, "mbox:anna@example.org", "Zanna Quixley"),
        ({"objectType": "Group", "member": [BORIS, ANNA]}, "mbox:anna@example.org", "Zanna Quixley"),
        ({"member": [BORIS, ANNA]}, "openid:https://b.example.org/", ""),
        ({"member": ANNA}, "mbox:anna@example.org", "Zanna Quixley"),
        ({"member": ["x", 7, None, ANNA]}, "mbox:anna@example.org", "Zanna Quixley"),
        (ANNA | {"name": {"en": "Zanna"}}, "mbox:anna@example.org", ""),
        (ANNA | {"name": "x" * 1000}, "mbox:anna@example.org", "x" * 300),
        (ANNA | {"name": "a\x00b"}, "mbox:anna@example.org", "ab"),
        ({"name": "nobody"}, "mbox:anna@example.org", ""),
    ],
)
def test_the_name_of_the_one_actor_is_read(actor: object, key: str, name: str) -> None:
    assert spoken(orjson.dumps({"actor": actor}), key) == name


@pytest.mark.parametrize("raw", [None, b"", b"[]", b"{", b"{}", b'"x"'])
def test_bytes_that_are_gone_or_odd_name_nobody(raw: bytes | None) -> None:
    assert spoken(raw, "mbox:anna@example.org") == ""


def test_a_name_that_a_person_took_for_his_is_known_again_in_another_case() -> None:
    assert is_said("BORIS  Quixley", {"Boris Quixley"})
    assert not is_said("Boris Quixley", {"Boris"})
