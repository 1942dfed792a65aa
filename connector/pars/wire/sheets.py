"""The tables of the spreadsheets that PARS takes and gives: their columns, words and forms. Data only."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from connector.pars.wire.services import MatchWords
from connector.pars.wire.values import Guess, Header, Lists, Title, Words, plain
from connector.records import Frozen

MATCH_COLUMNS: Final = ("given_name", "family_name", "birth_day", "state", "licence", "board", "board_id")
MATCH_ANSWER: Final = ("result", "message")


class MatchSheet(Frozen):
    """The spreadsheet that asks PARS beforehand about many learners; that there is one is confirmed, and no more.

    Columns by what they hold; `result` and `message` are those of the sheet that comes back.
    """

    sheet: Guess[Title] = "Sheet1"
    given_name: Guess[Header] = "First Name"
    family_name: Guess[Header] = "Last Name"
    birth_day: Guess[Header] = "Date of Birth"
    state: Guess[Header] = "Licensing State"
    licence: Guess[Header] = "Licensing ID or NPI"
    board: Guess[Header] = "Certifying Board"
    board_id: Guess[Header] = "Certifying Board ID"
    result: Guess[Header] = "Match"
    message: Guess[Header] = "Message"
    birth: Guess[Literal["MM/DD", "MM-DD"]] = "MM/DD"
    words: Lists[MatchWords] = MatchWords()

    @model_validator(mode="after")
    def _headers_differ(self) -> MatchSheet:
        names = [plain(getattr(self, name)) for name in (*MATCH_COLUMNS, *MATCH_ANSWER)]
        if len(set(names)) < len(names):
            raise ValueError("two columns have one name")
        return self


class LearnerSheet(Frozen):
    """The learner sheet of `excel-batch`: a line of guidance, the header, a row for a record and board.

    The first thirteen names, their order and the forms of date, birth day and state are confirmed second-hand from the
    template of January 2024, and so is the trailing space; how the columns for more credit types go on is not.
    """

    sheet: Title = "Sheet1"
    guidance: Guess[str] = "Learner credit for PARS: keep this line, the header and the order of the columns."
    action: Header = "Record Action"
    activity: Header = "ACCME Activity ID"
    completed: Header = "Completion Date"
    given_name: Header = "First Name"
    family_name: Header = "Last Name"
    birth_day: Header = "Date of Birth"
    state: Header = "Licensing State"
    licence: Header = "Licensing ID or NPI"
    cme: Header = "Number of CME Credits"
    board: Header = "Certifying Board"
    board_id: Header = "Certifying Board ID"
    board_total: Header = "Total Board Credits"
    credit_type: Header = "Credit Type "
    type_amount: Header = "Credits Awarded for Credit Type"
    more_type: Header = "Additional Credit Type"
    more_amount: Guess[Header] = "Credits Awarded for Additional Credit Type"
    more: Guess[Annotated[int, Field(ge=0, le=9)]] = 3  # how often these two columns are repeated
    add: Header = "Add"
    delete: Guess[Header] = "Delete"
    birth: Literal["MM/DD", "MM-DD"] = "MM/DD"


class RemsSheet(Frozen):
    """The sheet of de-identified REMS records. That PARS takes them by Excel is confirmed, and no column of it."""

    sheet: Guess[Title] = "Sheet1"
    guidance: Guess[str] = "De-identified REMS participants for PARS: keep this line and the header."
    action: Guess[Header] = "Record Action"
    activity: Guess[Header] = "ACCME Activity ID"
    completed: Guess[Header] = "Completion Date"
    rems: Guess[Header] = "REMS"
    local_id: Guess[Header] = "Local Identifier"
    profession: Guess[Header] = "Profession"
    state: Guess[Header] = "State of Primary Practice"
    dea_registration: Guess[Header] = "DEA Registration"
    practice_area: Guess[Header] = "Practice Area"
    surgical_procedures: Guess[Header] = "Surgical Procedures"
    time_in_practice: Guess[Header] = "Time in Practice"
    add: Guess[Header] = "Add"
    delete: Guess[Header] = "Delete"


class ReceiptHeaders(Frozen):
    """What the columns of a file that comes back are called, by what they hold; beside those of the sheets that went.

    Order, case and signs do not count. Nobody outside has seen such a file.
    """

    credit_id: Guess[Words] = ("CreditID", "Credit ID")
    result: Guess[Words] = ("Result", "Upload Result")
    reason: Guess[Words] = ("Reason", "Error", "Error Code")
    message: Guess[Words] = ("Message", "Error Message", "Description")
    status: Guess[Words] = ("Status", "Record Status")
    learner_id: Guess[Words] = ("Learner ID",)
    name: Guess[Words] = ("Name", "Learner Name", "Learner")


class ResultWords(Frozen):
    """Words in the result column of an uploaded file: MedBiquitous's, whether or not PARS uses them."""

    taken: Guess[Words] = ("Success", "Accepted for processing")
    refused: Guess[Words] = ("Failure", "Failed", "Error")


class Receipts(Frozen):
    """What comes back of uploaded files, and the exports of PARS's screens. The status words are the XML service's."""

    headers: Lists[ReceiptHeaders] = ReceiptHeaders()
    results: Lists[ResultWords] = ResultWords()
