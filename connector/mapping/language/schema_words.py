"""What an editor says of each key of a mapping file. Data only; docs/reference/mapping.md says more."""

from __future__ import annotations

from typing import Final

_WHEN = "The conditions, of which all must hold."
_UNDONE = "A later statement of the same learner and object that fulfils all of these takes the completion back."
_PROVIDER = "The ACCME id of the provider that reports, 7 digits; needed where config.yaml has several."
_PER = "What a learner can earn once: the activity, each date, each session (object id) or each registration."
_PRIORITY = "Of two rules that match one statement the one with the higher number counts."
_CREDITS = "What the completion earns; CME and MOC of one activity stand in one rule."
_COMPLETED_ON = "Where the completion's time stands, and whose calendar gives its date."
_PATH = "A JMESPath into the statement's JSON, such as verb.id or result.score.raw."
_AMOUNT = "A number in steps of 0.25, or where the statement says it."
_ANSWER = "One of PARS's words, or {path: ...}; what is left out comes from the learner directory."

WORDS: Final[dict[str, dict[str, str]]] = {
    "MappingFile": {
        "version": "The form of the file: 1.",
        "defaults": "What the rules of this file have in common.",
        "rules": "Which statements count, and what a learner earns by each.",
    },
    "FileDefaults": {
        "provider": _PROVIDER,
        "when": "Asked of every statement, besides each rule's own conditions.",
        "undone_by": _UNDONE,
        "completed_on": _COMPLETED_ON,
        "per": _PER,
        "credits": _CREDITS,
        "priority": _PRIORITY,
    },
    "Rule": {
        "name": "Its name in records and reports, once in the whole folder.",
        "provider": _PROVIDER,
        "when": _WHEN,
        "also_requires": "Other statements of the same learner that the completion needs, before or after it.",
        "undone_by": _UNDONE,
        "activity": "The ACCME activity id, 9 digits, in quotes.",
        "catalogue": "A sheet that gives activity and credits, in place of `activity`: one row for each course.",
        "completed_on": _COMPLETED_ON,
        "per": _PER,
        "credits": _CREDITS,
        "rems": "The answers of a REMS participant; they go to PARS as a record of their own.",
        "priority": _PRIORITY,
        "tests": "Statements, and what the rule must make of them.",
    },
    "AlsoRequires": {
        "within": "How far apart the two statements may be: 90d, 24h, 15m.",
        "when": _WHEN,
    },
    "Catalogue": {
        "from": "The sheet, .csv or .xlsx, seen from the mapping folder.",
        "key": "Where the statement holds what the sheet's key column holds.",
        "column": "The header of the key column.",
    },
    "CompletedOn": {
        "path": "Where the time stands.",
        "from": "moodle: the statement does not say it, and Moodle is asked.",
        "zone": "The time zone whose calendar gives the date, such as America/Chicago; else the source's.",
    },
    "Condition": {
        "path": _PATH,
        "is": "The value is this text, number, true or false.",
        "is_not": "The value is anything else, also when there is none.",
        "one_of": "The value is one of these.",
        "starts_with": "The value is a text that starts so.",
        "matches": "The value is a text of which all matches this regular expression.",
        "at_least": "The value is a number of at least this.",
        "at_most": "The value is a number of at most this.",
        "exists": "true: there is a value, which may be null; false: there is none.",
        "any": "One of the conditions below holds.",
        "all": "All of the conditions below hold.",
    },
    "CmeCredit": {
        "type": "cme: AMA PRA Category 1; the others are for a provider who reports to JA-PARS.",
        "amount": _AMOUNT,
    },
    "MocCredit": {
        "type": "moc: points of a certifying board.",
        "board": "The board's code.",
        "amount": f"The board's total. {_AMOUNT}",
        "of_which": "How much of the total counts for each credit type of the board; none may be above it.",
    },
    "Computed": {
        "path": _PATH,
        "function": "How the value is read; without one it is a number in steps of 0.25.",
        "most": "Never more than this.",
    },
    "Read": {
        "path": _PATH,
    },
    "Rems": {
        "type": "Which REMS.",
        "profession": _ANSWER,
        "practice_area": _ANSWER,
        "state": _ANSWER,
        "dea_registration": _ANSWER,
        "surgical_procedures": "true, false, or {path: ...}.",
        "time_in_practice": _ANSWER,
    },
    "RuleTest": {
        "name": "What the test shows.",
        "statement": "The path of a JSON file, seen from the mapping folder, or a statement written out.",
        "statements": "The completion first, then the other statements that it needs.",
        "expect": "One word (ignored, waiting, evidence, undoes), or what comes out.",
    },
    "Expected": {
        "credits": "All that the completion earns: cme, ipce or the like; a board's code, with / its credit type.",
        "date": "The completion's date, such as 2026-03-10; open where Moodle is asked.",
        "rems": "The REMS record that comes out.",
        "problem": "The code of the problem that comes out in place of a completion.",
    },
    "ExpectedRems": {
        "type": "Which REMS.",
        "profession": "The answer that comes out.",
        "practice_area": "The answer that comes out.",
        "state": "The answer that comes out.",
        "dea_registration": "The answer that comes out.",
        "surgical_procedures": "The answer that comes out.",
        "time_in_practice": "The answer that comes out.",
    },
}
