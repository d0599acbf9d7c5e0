"""A deployment on paper: its policies, with the ARNs that AWS would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.infra.access.places import IRELAND, Place
from tests.infra.access.policies import Statement, as_list
from tests.infra.resolution import Resolution, resolve
from tests.infra.scenarios import NESTED, Scenario
from tests.infra.templates import Template, as_deployed

MANAGED, ROLE, JOINING = "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::IAM::RolePolicy"
ATTACHED = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueuePolicy": "Queues",
}


@dataclass(frozen=True)
class World:
    """One stack and its nested stacks, with every reference replaced by its value."""

    template: Template
    parameters: Mapping[str, Any] = field(hash=False)
    place: Place = IRELAND
    name: str = "tailrace"
    # Loads the template of a nested stack.
    load: Callable[[str], Template] = as_deployed
    _children: dict[str, World] = field(default_factory=dict, hash=False, compare=False)

    @classmethod
    def of(cls, scenario: Scenario, place: Place = IRELAND) -> World:
        """The world of a scenario."""
        return cls(scenario.template(scenario.root), scenario.parameters, place, load=scenario.template)

    @cached_property
    def body(self) -> Template:
        """The template with nothing left to fill in."""
        return resolve(self.template, self.parameters, self._known)

    def nested(self, name: str) -> World:
        """Return a nested stack, resolved lazily because it may refer to another one's outputs."""
        if name not in self._children:
            properties = self.template.properties(name)
            given = Resolution(self.template, self.parameters, self._known).value(properties.get("Parameters", {}))
            template = self.load(properties["TemplateURL"])
            self._children[name] = World(template, given, self.place, f"{self.name}-{name}-1ABC", self.load)
        return self._children[name]

    def _known(self, name: str, attribute: str) -> Any:
        if "::" in name:
            return self.place.pseudo(name, self.name)
        if attribute.startswith("Outputs."):
            return self.nested(name).body.body["Outputs"][attribute.removeprefix("Outputs.")]["Value"]
        kind = self.template.body["Resources"][name]["Type"]
        given = self.template.properties(name).get("StateMachineName")  # the only name that a template gives
        physical = Resolution(self.template, self.parameters, self._known).value(given) if given else None
        return self.place.physical(kind, physical or f"{self.name}-{name}-1XYZ", attribute)

    @cached_property
    def policies(self) -> dict[str, Sequence[Statement]]:
        """The statements of each role and managed policy, by id (prefixed in nested stacks)."""
        found = {name: [each for document in documents for each in document] for name, documents in self._held("")}
        holders = {name: holder for holder, name in self._roles.items()}
        for name, statements in self._joining():
            found[holders[name]] += statements
        for holder, policy in self._attached(""):
            found[holder] += found[policy]
        return dict(found)

    def _held(self, prefix: str) -> Iterator[tuple[str, list[Sequence[Statement]]]]:
        for name in self.body.of_type(ROLE):
            policies = self.body.properties(name).get("Policies", [])
            yield f"{prefix}{name}", [policy["PolicyDocument"]["Statement"] for policy in policies]
        for name in self.body.of_type(MANAGED):
            yield f"{prefix}{name}", [self.body.properties(name)["PolicyDocument"]["Statement"]]
        for stack in self.body.of_type(NESTED):
            yield from self.nested(stack)._held(f"{prefix}{stack}")

    def _attached(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield each role with a managed policy of the root that it holds."""
        for name in self.body.of_type(ROLE):
            for policy in self.body.properties(name).get("ManagedPolicyArns", []):
                yield f"{prefix}{name}", policy.rsplit("-", 2)[1]
        for stack in self.body.of_type(NESTED):
            yield from self.nested(stack)._attached(f"{prefix}{stack}")

    @cached_property
    def _roles(self) -> dict[str, str]:
        """The name of each role, by its key in ``policies``."""
        own = {name: str(self._known(name, "")) for name in self.body.of_type(ROLE)}
        for stack in self.body.of_type(NESTED):
            own |= {f"{stack}{name}": physical for name, physical in self.nested(stack)._roles.items()}
        return own

    def _joining(self) -> Iterator[tuple[str, Sequence[Statement]]]:
        """Resources outside a role that attach to it, with the role's name."""
        for policy in self.body.of_type(JOINING).values():
            yield policy["Properties"]["RoleName"], policy["Properties"]["PolicyDocument"]["Statement"]
        for stack in self.body.of_type(NESTED):
            yield from self.nested(stack)._joining()

    def principal(self, holder: str) -> str:
        """The caller when a role, or an identity with a managed policy, makes a request."""
        return self.place.identity(f"role/{self._roles[holder]}" if holder in self._roles else "user/somebody")

    def arn(self, name: str) -> str:
        """Return the ARN of a role, or of an output's resource and what follows the slash."""
        output, slash, rest = name.partition("/")
        if output.endswith("Role"):
            return self.principal(output)
        if output == "EndpointName":
            return self.place.arn("sagemaker", f"endpoint/{self.body.body['Outputs'][output]['Value']}")
        if output == "TransformJob":
            return self.place.arn("sagemaker", "transform-job/tailrace-01jd0wawqsrph4p5hk2ztf1j2n-r0")
        if output == "Source":
            return f"arn:aws:s3:::lake{slash}{rest}"
        if output.startswith("Cutting") and output != "CuttingStateMachine" and not output.endswith("Queue"):
            machine = self.body.properties("Cutting")["Parameters"]["Name"] + "-cutting"
            of = {"CuttingExecution": f"execution:{machine}:01JD0", "CuttingMapRun": f"mapRun:{machine}/Count:01JD0"}
            return self.place.arn("states", of[output])
        resource = {"CuttingStateMachine": "CuttingMachine"}.get(output, output.removesuffix("Function"))
        return f"{self._home(resource)._known(resource, 'Arn')}{slash}{rest}"

    def _home(self, resource: str) -> World:
        """Return the stack, this one or one nested in it, that has a resource; this one if none has."""
        nested = map(self.nested, self.body.of_type(NESTED))
        return next((each for each in (self, *nested) if resource in each.body.body["Resources"]), self)

    @property
    def engines(self) -> tuple[str, bool]:
        """The kind of the endpoint, and whether there are batch transform jobs."""
        outputs = self.body.body["Outputs"]
        return outputs["EndpointKind"]["Value"], outputs["BatchTransform"]["Value"] == "true"

    def resource_policy(self, name: str) -> Sequence[Statement]:
        """Return the statements of the resource's own policy."""
        resource = name.partition("/")[0]
        if resource == "Key":
            found: Sequence[Statement] = self.body.properties("Key")["KeyPolicy"]["Statement"]
            return found
        home = self._home(resource)
        if resource not in home.template.body["Resources"]:
            return ()
        return home._standing.get(home._known(resource, ""), ())

    @cached_property
    def _standing(self) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for kind, attached in ATTACHED.items():
            for policy in self.body.of_type(kind).values():
                for resource in as_list(policy["Properties"][attached]):
                    found.setdefault(resource, []).extend(policy["Properties"]["PolicyDocument"]["Statement"])
        return found
