"""Planting of flaws: a place in a template, and a change there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.infra.gate.deployments import Deployment
from tests.infra.scenarios import DEFAULT, HARDENED, REALTIME, Scenario
from tests.infra.templates import Template, statements

Place = Callable[[Template], Any]
Plant = Callable[[Template], None]


@dataclass(frozen=True)
class Site:
    """A template, in the way to deploy in which the flaw shows."""

    path: str
    scenario: Scenario


ROOT, KEYED = Site("template.yaml", DEFAULT), Site("template.yaml", HARDENED)
ENDPOINT, SCALED = Site("infra/endpoint.yaml", DEFAULT), Site("infra/endpoint.yaml", HARDENED)
REALTIME_SCALED = Site("infra/endpoint.yaml", REALTIME)
TICKS = Site("infra/schedule.yaml", DEFAULT)
STUDIO = Site("infra/studio.yaml", HARDENED)


@dataclass(frozen=True)
class Flaw:
    """One flaw, and the checker and rule that have to report it."""

    name: str
    site: Site
    caught_by: str
    plant: Plant

    @property
    def checker(self) -> str:
        """The checker's name."""
        return self.caught_by.partition(" ")[0]

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self.caught_by.partition(" ")[2]

    def deployment(self) -> Deployment:
        """The deployment with the flaw in it."""
        return planted(self.name, (self,))

    def changed(self) -> set[str]:
        """The logical ids of the resources that the flaw changes or adds; none if it removes some."""
        before = self.site.scenario.template(self.site.path).body["Resources"]
        after = self.deployment().template(self.site.path).body["Resources"]
        return {name for name, resource in after.items() if before.get(name) != resource}


def planted(name: str, flaws: Sequence[Flaw]) -> Deployment:
    """Return a deployment with several flaws of one site in it."""
    (site,) = {flaw.site for flaw in flaws}
    template = site.scenario.template(site.path).copy()
    for flaw in flaws:
        flaw.plant(template)
    return Deployment(name, site.scenario, {site.path: template})


def together(flaws: Iterable[Flaw]) -> Iterator[tuple[Flaw, ...]]:
    """Group flaws that one deployment can hold: of one site, each under a rule and on resources of its own.

    What a flaw removes cannot be reported by its name: such a flaw stays alone.
    """
    groups: list[list[Flaw]] = []
    for flaw in flaws:
        for group in groups:
            apart = all(flaw.rule != other.rule and not flaw.changed() & other.changed() for other in group)
            if group[0].site == flaw.site and apart and flaw.changed() and group[0].changed():
                group.append(flaw)
                break
        else:
            groups.append([flaw])
    return map(tuple, groups)


def caught(by: str, site: Site, flaws: Mapping[str, Plant]) -> Iterator[Flaw]:
    """Name the flaws of one site that the same rule has to report."""
    return (Flaw(name, site, by, plant) for name, plant in flaws.items())


def put(path: str, value: Any) -> Plant:
    """Replace a value.

    Args:
        path: ``Bucket.A.0.B`` leads into properties, ``Role#Sid.A`` into a statement, ``Bucket!A``
            beside them.
        value: What to put there.
    """
    place, key = _place(path)
    return lambda template: place(template).__setitem__(key, value)


def turn_off(path: str) -> Plant:
    """Replace a true value with false."""
    return put(path, value=False)


def drop(path: str) -> Plant:
    """Delete a value."""
    place, key = _place(path)
    return lambda template: place(template).__delitem__(key)


def _place(path: str) -> tuple[Place, str | int]:
    """Return the container of a path's last step, and that step."""
    if "!" in path:
        logical_id, key = path.split("!")
        return lambda template: template.body["Resources"][logical_id], key
    first, *between, last = (int(step) if step.isdigit() else step for step in path.split("."))

    def find(template: Template) -> Any:
        logical_id, _, sid = str(first).partition("#")
        found: Any = _statement(template, logical_id, sid) if sid else template.properties(logical_id)
        for step in between:
            found = found[step]
        return found

    return find, last


def _statement(template: Template, logical_id: str, sid: str) -> dict[str, Any]:
    """Find a statement by its Sid in the policy of a resource, a key or a role, or in a managed policy."""
    properties = template.properties(logical_id)
    documents = [
        each["PolicyDocument"] for each in properties.get("Policies", [properties]) if "PolicyDocument" in each
    ]
    documents += [properties["KeyPolicy"]] if "KeyPolicy" in properties else []
    return next(found for each in documents for found in statements(each) if found.get("Sid") == sid)


def grant(role: str, action: str | list[str], resource: Any, **more: Any) -> Plant:
    """Add a statement to a role."""
    statement = {"Sid": "Planted", "Effect": "Allow", "Action": action, "Resource": resource, **more}
    return lambda template: template.properties(role)["Policies"][0]["PolicyDocument"]["Statement"].append(statement)


def add(logical_id: str, kind: str, **properties: Any) -> Plant:
    """Add a resource."""
    return lambda template: template.body["Resources"].update({logical_id: {"Type": kind, "Properties": properties}})


def remove(logical_id: str) -> Plant:
    """Remove a resource."""
    return lambda template: template.body["Resources"].__delitem__(logical_id)


def ref(name: str) -> dict[str, str]:
    """A reference to a resource or a parameter."""
    return {"Ref": name}


def arn(logical_id: str) -> dict[str, list[str]]:
    """A reference to a resource's ARN."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def sub(text: str) -> dict[str, str]:
    """A text with references in it."""
    return {"Fn::Sub": text}
