"""From the mapping folder to rules that can be asked by verb and object. Knows no store and looks into no statement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path

from connector import yamlfile
from connector.errors import ConfigError, MappingError
from connector.findings import Finding, did_you_mean
from connector.mapping import catalogue
from connector.mapping.catalogue import Entry, Sheet
from connector.mapping.checks import Placed, Sheets, check
from connector.mapping.language.conditions import OBJECT_ID, pinned
from connector.mapping.language.rules import MappingFile, Rule, digest
from connector.yamlfile import Document

RULES, TESTS = (".yaml", ".yml"), (".test.yaml", ".test.yml")
NO_ROWS: Mapping[str, Entry] = {}
Texts = frozenset[str | None]


@dataclass(frozen=True)
class Defaults:
    """What rules leave to config.yaml: each provider's zone by ACCME id, each source's by its id where it has one,
    whether any source has a Moodle that can be asked, whether every source's registrations are mere sessions, and which
    providers report to JA-PARS."""

    providers: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    moodle: bool = True
    sessions: bool = False
    joint: frozenset[str] = frozenset()

    def provider_of(self, rule: Rule) -> str:
        """The rule's provider or the only one there is; without any configuration what the rule says."""
        return rule.provider or (next(iter(self.providers)) if len(self.providers) == 1 else "")


@dataclass(frozen=True, eq=False)
class ActiveRule:
    """A rule with its file, the provider that it reports for, and the rows of its catalogue by key.

    `rule` is complete: what its file's defaults say stands in it.
    """

    file: str
    rule: Rule
    provider: str
    rows: Mapping[str, Entry] = field(default_factory=dict)

    @cached_property
    def hash(self) -> str:
        """Of the rule with its whole catalogue; a completion names `hash_of` its own row."""
        rows = sorted((key, entry.hash) for key, entry in self.rows.items())
        return digest([self.own_hash, rows]) if self.rule.catalogue else self.own_hash

    @cached_property
    def own_hash(self) -> str:
        return self.rule.hash

    @cached_property
    def _objects(self) -> frozenset[str | None]:
        """The only objects that its `when` takes; {None} where it takes any."""
        return pinned(self.rule.when)[1]

    @property
    def reach(self) -> Iterator[tuple[Texts, Texts, bool]]:
        """The verbs and objects of its own `when`, and of what it also requires or is undone by."""
        yield *pinned(self.rule.when), True
        for one in self.rule.also_requires:
            yield *pinned(one.when), False
        if self.rule.undone_by:
            verbs, objects = pinned(self.rule.undone_by)
            yield verbs, _both(objects, self._objects), False

    def may_complete(self, object_id: str) -> bool:
        """Could a completion by this rule be about this object? What is about another undoes nothing."""
        catalogue_ = self.rule.catalogue
        if not ({object_id, None} & self._objects):
            return False
        if catalogue_ and catalogue_.key.steps == OBJECT_ID and object_id not in self.rows:
            return False
        about = [one for one in self.rule.when if one.path and one.path.steps == OBJECT_ID]
        return all(one.holds({"object": {"id": object_id}}) for one in about)


def _both(some: Texts, others: Texts) -> Texts:
    """What is in both, where {None} stands for every text."""
    if None in some:
        return others
    return some if None in others else some & others


@dataclass(frozen=True)
class Ruleset:
    """All rules of the folder; `files` holds the texts that they were read from, to be stored and read again."""

    rules: tuple[ActiveRule, ...]
    files: Mapping[str, str]
    defaults: Defaults = field(default_factory=Defaults)

    @cached_property
    def hash(self) -> str:
        """Changes when a rule changes, not when a comment, a test or the order does."""
        return hashlib.sha256(" ".join(sorted(active.hash for active in self.rules)).encode()).hexdigest()

    @cached_property
    def _index(self) -> dict[tuple[str | None, str | None], list[tuple[int, bool]]]:
        index: dict[tuple[str | None, str | None], list[tuple[int, bool]]] = {}
        for place, active in enumerate(self.rules):
            for verbs, objects, is_own in active.reach:
                for key in product(verbs, objects):
                    index.setdefault(key, []).append((place, is_own))
        return index

    def candidates(self, verb: str, object_id: str) -> list[ActiveRule]:
        """The rules of which some `when` takes this verb and object, in their order."""
        return list(self.reached(verb, object_id))

    def reached(self, verb: str, object_id: str) -> dict[ActiveRule, bool]:
        """The same, each with whether its own `when` does, or only what it also requires or is undone by.

        The cost does not grow with the other rules.
        """
        keys = product((verb, None), (object_id, None))
        found: dict[int, bool] = {}
        for place, is_own in (one for key in keys for one in self._index.get(key, ())):
            found[place] = found.get(place, False) or is_own
        return {self.rules[place]: found[place] for place in sorted(found)}

    def zone_of(self, active: ActiveRule, source: str) -> str:
        """Rule, else source, else provider; empty where none of them names a zone."""
        named = active.rule.completed_on.zone or self.defaults.sources.get(source)
        return named or self.defaults.providers.get(active.provider, "")


@dataclass
class Folder:
    """What was read: mapping files, the sheets that they name (by the name they use), and what is wrong with either."""

    path: Path
    documents: list[Document] = field(default_factory=list)
    sheets: dict[str, Sheet] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    kept: Mapping[str, str] | None = None  # sheets as a version in the store holds them, with rules that passed lint

    def sheet(self, name: str, columns: tuple[str, ...]) -> None:
        try:
            self.sheets[name] = self._sheet(name, columns)
        except ConfigError as error:
            self.findings.extend(catalogue.missing(str(self.path / name), error))

    def _sheet(self, name: str, columns: tuple[str, ...]) -> Sheet:
        if self.kept is None:
            return catalogue.read(self.path / name, columns)
        if name not in self.kept:
            raise ConfigError("config.sheet_missing", "the sheet was not kept with the rules that name it", where=name)
        return catalogue.from_text(name, self.kept[name], columns)


def load(folder: Path, defaults: Defaults | None = None) -> Ruleset:
    """The rules of every *.yaml and *.yml file right in the folder, or MappingError with all findings."""
    return _without_errors(*_compile(_read(folder), defaults))


def lint(folder: Path, defaults: Defaults | None = None, sheets: Sheets | None = None) -> list[Finding]:
    """All errors and warnings, in the order of the files; `sheets` are the providers' activity sheets."""
    _, findings = _compile(_read(folder), defaults, sheets)
    return sorted(findings, key=lambda finding: (finding.path, finding.line, finding.column))


def from_texts(files: Mapping[str, str], defaults: Defaults | None = None) -> Ruleset:
    """The rules of `Ruleset.files` again, as they were stored. They passed lint when they became active, and what a
    later version of lint says of them stops nothing: they are only read."""
    found = Folder(Path(), kept={name: text for name, text in files.items() if not name.endswith(RULES)})
    for name, text in files.items():
        if name.endswith(RULES):
            try:
                found.documents.append(yamlfile.read_text(name, text))
            except ConfigError as error:
                found.findings.extend(error.findings)
    return _without_errors(*_compile(found, defaults))


def files_of(folder: Path) -> list[Path]:
    """The mapping files of a folder; what ends in .test.yaml holds tests and no rules."""
    return sorted(path for path in folder.glob("*") if path.name.endswith(RULES) and not path.name.endswith(TESTS))


def _without_errors(ruleset: Ruleset, findings: Iterable[Finding]) -> Ruleset:
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        raise yamlfile.refusal(errors, MappingError)
    return ruleset


def _read(folder: Path) -> Folder:
    found = Folder(folder)
    paths = files_of(folder)
    if not paths:
        message = "there is no mapping file here" if folder.is_dir() else "there is no such folder"
        found.findings.append(Finding(level="error", code="mapping.no_rules", path=str(folder), message=message))
    for path in paths:
        try:
            found.documents.append(yamlfile.read(path))
        except ConfigError as error:
            found.findings.extend(error.findings)
    return found


def _compile(found: Folder, defaults: Defaults | None, sheets: Sheets | None = None) -> tuple[Ruleset, list[Finding]]:
    """The rules that can be read, and all that is wrong or doubtful about any."""
    defaults, findings = defaults or Defaults(), found.findings
    files: list[tuple[Document, MappingFile]] = []
    for document in found.documents:
        try:
            files.append((document, yamlfile.validate(document, MappingFile, MappingError).effective))
        except MappingError as error:
            findings.extend(error.findings)
    for name, columns in catalogue.named(rule for _, file in files for rule in file.rules):
        found.sheet(name, columns)
    placed = [
        Placed(document, file, place, defaults.provider_of(rule), _rows(found, rule))
        for document, file in files
        for place, rule in enumerate(file.rules)
    ]
    rules = tuple(ActiveRule(one.document.name, one.rule, one.provider, one.rows) for one in placed)
    for document, file in files:
        findings.extend(_unknown_providers(document, file, defaults))
        findings.extend(_of_another_system(document, file, defaults) if found.kept is None else ())
        findings.extend(() if defaults.moodle else _nobody_to_ask(document, file))
    findings.extend(check(placed, sheets or {}, sessions=defaults.sessions) if found.kept is None else ())
    texts = {Path(document.name).name: document.text for document, _ in files}
    texts |= {name: sheet.text for name, sheet in found.sheets.items()}
    return Ruleset(rules, texts, defaults), list(dict.fromkeys(findings))  # two rules may name one sheet


def _rows(found: Folder, rule: Rule) -> Mapping[str, Entry]:
    if rule.catalogue is None or rule.catalogue.from_ not in found.sheets:
        return NO_ROWS
    rows, findings = catalogue.entries(rule, found.sheets[rule.catalogue.from_])
    found.findings.extend(findings if found.kept is None else ())
    return rows


def _unknown_providers(document: Document, file: MappingFile, defaults: Defaults) -> Iterable[Finding]:
    for place, rule in enumerate(file.rules):
        if defaults.providers and defaults.provider_of(rule) not in defaults.providers:
            word = "names a provider that config.yaml does not have" if rule.provider else "names no `provider`"
            hint = did_you_mean(rule.provider or "", defaults.providers) or f"one of: {', '.join(defaults.providers)}"
            where = document.where(("rules", place, "provider"))
            yield document.finding("mapping.unknown_provider", where, f"the rule `{rule.name}` {word}", hint)


def _of_another_system(document: Document, file: MappingFile, defaults: Defaults) -> Iterable[Finding]:
    for place, rule in enumerate(file.rules):
        if not defaults.providers or defaults.provider_of(rule) in defaults.joint:
            continue
        for at, credit in enumerate(rule.credits):
            if credit.type not in ("cme", "moc"):
                message = f"the rule `{rule.name}` gives {credit.certification} credit, which PARS does not take"
                hint = "a jointly accredited provider has `system: ja-pars` in config.yaml"
                where = document.where(("rules", place, "credits", at, "type"))
                yield document.finding("mapping.not_in_system", where, message, hint)


def _nobody_to_ask(document: Document, file: MappingFile) -> Iterable[Finding]:
    """A warning: rules in force must not fall when a source loses its Moodle; what they find waits."""
    for place, rule in enumerate(file.rules):
        if rule.completed_on.is_open:
            message = f"the rule `{rule.name}` asks Moodle for its dates, and no source of config.yaml has a `moodle`"
            where = document.where(("rules", place, "completed_on"), key=True)
            hint = "write `moodle: {site: ..., token: ...}` below the source"
            yield document.finding("config.no_moodle", where, message, hint, "warning")
