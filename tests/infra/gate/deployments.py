"""Deployments, the input of the checkers: the templates of one way to deploy, before and after parameters are set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from tests.infra.access.places import IRELAND, Place
from tests.infra.access.world import World
from tests.infra.scenarios import DEFAULT, DEPLOYING, FAN_OUT, HARDENED, REALTIME, TRAINING, Scenario, stacks
from tests.infra.templates import Template, paths


@dataclass(frozen=True)
class Deployment:
    """One way to deploy, of the templates as they are or with a flaw in one of them."""

    name: str
    scenario: Scenario
    planted: Mapping[str, Template] = field(default_factory=dict, hash=False)

    def template(self, path: str) -> Template:
        """A template as CloudFormation gets it."""
        return self.planted.get(path) or self.scenario.template(path)

    @cached_property
    def templates(self) -> dict[str, Template]:
        """All templates, by path."""
        return {path: self.template(path) for path in paths()}

    @cached_property
    def stacks(self) -> dict[str, Template]:
        """The templates that this way to deploy uses, with their parameters filled in.

        With a flaw, only the flawed template and those that the flaw changes: the others are
        checked where nothing is planted.
        """
        found = stacks(self.scenario, load=self.template)
        return self._changed(found, _without_flaw(self.scenario).stacks) if self.planted else found

    @cached_property
    def placed(self) -> dict[str, Template]:
        """The same stacks in one region and account: only references between resources are left."""

        def known(name: str, _attribute: str) -> str | None:
            return IRELAND.pseudo(name, "tailrace")

        found = stacks(self.scenario, known, self.template)
        return self._changed(found, _without_flaw(self.scenario).placed) if self.planted else found

    def _changed(self, found: Mapping[str, Template], before: Mapping[str, Template]) -> dict[str, Template]:
        return {path: each for path, each in found.items() if path in self.planted or each != before.get(path)}

    def world(self, place: Place = IRELAND) -> World:
        """The whole deployment with every reference resolved."""
        return World(self.template(self.scenario.root), self.scenario.parameters, place, load=self.template)


@cache
def _without_flaw(scenario: Scenario) -> Deployment:
    return Deployment(scenario.name, scenario)


# Together they give every parameter that matters to a checker both its values. The third has a
# real-time endpoint and transform jobs, so every template of other engines. The last three
# are stacks of their own: the role that deploys the others, a queue for one more service, and what
# training takes.
DEPLOYMENTS = tuple(map(_without_flaw, (DEFAULT, HARDENED, REALTIME, DEPLOYING, FAN_OUT, TRAINING)))


def write(folder: Path, deployments: Iterable[Deployment]) -> dict[Path, tuple[Deployment, str]]:
    """Write the stacks of deployments as files; return each file's deployment and template."""
    written = {}
    for deployment in deployments:
        for path, template in deployment.placed.items():
            written[_put(folder / deployment.name, template)] = (deployment, path)
    return written


def write_templates(folder: Path, deployments: Sequence[Deployment]) -> dict[Path, tuple[Deployment, str]]:
    """Write the templates before parameters are filled in; return each that several deployments share only once."""
    written: dict[Path, tuple[Deployment, str]] = {}
    seen: set[str] = set()
    for deployment in deployments:
        # Templates that are not checked again have to exist for those that nest them.
        for path, file in _put_all(folder / deployment.name, deployment.templates.values()):
            text = file.read_text()
            if (path + text) not in seen:
                written[file] = (deployment, path)
            seen.add(path + text)
    return written


def _put_all(folder: Path, templates: Iterable[Template]) -> Iterator[tuple[str, Path]]:
    for template in templates:
        yield template.name, _put(folder, template)


def _put(folder: Path, template: Template) -> Path:
    # JSON is YAML too: files keep the names by which templates know each other.
    file = folder / template.name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(template.body, indent=1))
    return file
