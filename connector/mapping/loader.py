"""From the mapping folder to rules that can be asked by verb and object. Knows no store and looks into no statement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path

from connector import yamlfile
from connector.errors import ConfigError, MappingError
from connector.findings import Finding, did_you_mean
from connector.mapping.rule_checks import check_file, check_names, check_overlaps, check_per, pinned
from connector.mapping.rules import MappingFile, Rule
from connector.yamlfile import Document


@dataclass(frozen=True)
class Defaults:
    """What rules leave to config.yaml: each provider's zone by ACCME id, each source's by its id where it has one,
    whether any source has a Moodle that can be asked, and whether every source's registrations are mere sessions."""

    providers: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    moodle: bool = True
    sessions: bool = False

    def provider_of(self, rule: Rule) -> str:
        """The rule's provider or the only one there is; without any configuration what the rule says."""
        return rule.provider or (next(iter(self.providers)) if len(self.providers) == 1 else "")


@dataclass(frozen=True, eq=False)
class ActiveRule:
    """A rule with its file, its hash and the provider that it reports for."""

    file: str
    rule: Rule
    hash: str
    provider: str


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
    def _index(self) -> dict[tuple[str | None, str | None], list[int]]:
        index: dict[tuple[str | None, str | None], list[int]] = {}
        for place, active in enumerate(self.rules):
            for key in product(*pinned(active.rule)):
                index.setdefault(key, []).append(place)
        return index

    def candidates(self, verb: str, object_id: str) -> list[ActiveRule]:
        """The rules whose verb and object fit, in their order; the cost does not grow with the others."""
        keys = product((verb, None), (object_id, None))
        return [self.rules[place] for place in sorted({place for key in keys for place in self._index.get(key, ())})]

    def zone_of(self, active: ActiveRule, source: str) -> str:
        """Rule, else source, else provider; empty where none of them names a zone."""
        named = active.rule.completed_on.zone or self.defaults.sources.get(source)
        return named or self.defaults.providers.get(active.provider, "")


def load(folder: Path, defaults: Defaults | None = None) -> Ruleset:
    """The rules of every *.yaml and *.yml file right in the folder, or MappingError with all findings."""
    documents, findings = _read(folder)
    return _without_errors(*_compile(documents, findings, defaults))


def lint(folder: Path, defaults: Defaults | None = None) -> list[Finding]:
    """All errors and warnings, in the order of the files."""
    documents, findings = _read(folder)
    _, findings = _compile(documents, findings, defaults)
    return sorted(findings, key=lambda finding: (finding.path, finding.line, finding.column))


def from_texts(files: Mapping[str, str], defaults: Defaults | None = None) -> Ruleset:
    """The rules of `Ruleset.files` again, as they were stored."""
    documents: list[Document] = []
    findings: list[Finding] = []
    for name, text in files.items():
        try:
            documents.append(yamlfile.read_text(name, text))
        except ConfigError as error:
            findings.extend(error.findings)
    return _without_errors(*_compile(documents, findings, defaults))


def _without_errors(ruleset: Ruleset, findings: Iterable[Finding]) -> Ruleset:
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        raise yamlfile.refusal(errors, MappingError)
    return ruleset


def _read(folder: Path) -> tuple[list[Document], list[Finding]]:
    documents: list[Document] = []
    findings: list[Finding] = []
    paths = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml"))
    if not paths:
        message = "there is no mapping file here" if folder.is_dir() else "there is no such folder"
        findings.append(Finding(level="error", code="mapping.no_rules", path=str(folder), message=message))
    for path in paths:
        try:
            documents.append(yamlfile.read(path))
        except ConfigError as error:
            findings.extend(error.findings)
    return documents, findings


def _compile(
    documents: Iterable[Document], findings: list[Finding], defaults: Defaults | None
) -> tuple[Ruleset, list[Finding]]:
    """The rules that can be read, and `findings` with all that is wrong or doubtful about any."""
    defaults = defaults or Defaults()
    files: list[tuple[Document, MappingFile]] = []
    for document in documents:
        try:
            files.append((document, yamlfile.validate(document, MappingFile, MappingError)))
        except MappingError as error:
            findings.extend(error.findings)
    for document, file in files:
        findings.extend(check_file(document, file))
        findings.extend(_unknown_providers(document, file, defaults))
        findings.extend(() if defaults.moodle else _nobody_to_ask(document, file))
        findings.extend(_only_sessions(document, file) if defaults.sessions else ())
    findings.extend([*check_names(files), *check_per(files, defaults.provider_of), *check_overlaps(files)])
    rules = tuple(
        ActiveRule(document.name, rule, rule.hash, defaults.provider_of(rule))
        for document, file in files
        for rule in file.rules
    )
    return Ruleset(rules, {Path(document.name).name: document.text for document, _ in files}, defaults), findings


def _unknown_providers(document: Document, file: MappingFile, defaults: Defaults) -> Iterable[Finding]:
    for place, rule in enumerate(file.rules):
        if defaults.providers and defaults.provider_of(rule) not in defaults.providers:
            word = "names a provider that config.yaml does not have" if rule.provider else "names no `provider`"
            hint = did_you_mean(rule.provider or "", defaults.providers) or f"one of: {', '.join(defaults.providers)}"
            where = document.where(("rules", place, "provider"))
            yield document.finding("mapping.unknown_provider", where, f"the rule `{rule.name}` {word}", hint)


def _nobody_to_ask(document: Document, file: MappingFile) -> Iterable[Finding]:
    """A warning: rules in force must not fall when a source loses its Moodle; what they find waits."""
    for place, rule in enumerate(file.rules):
        if rule.completed_on.is_open:
            message = f"the rule `{rule.name}` asks Moodle for its dates, and no source of config.yaml has a `moodle`"
            where = document.where(("rules", place, "completed_on"), key=True)
            hint = "write `moodle: {site: ..., token: ...}` below the source"
            yield document.finding("config.no_moodle", where, message, hint, "warning")


def _only_sessions(document: Document, file: MappingFile) -> Iterable[Finding]:
    """A warning: a completion that is sent again has another session, and is another award."""
    for place, rule in enumerate(file.rules):
        if rule.per == "registration":
            message = f"the rule `{rule.name}` counts registrations, and every source's are sessions of the server"
            where = document.where(("rules", place, "per"), key=True)
            hint = "write `per: activity`, `date` or `session`"
            yield document.finding("mapping.per_session", where, message, hint, "warning")
