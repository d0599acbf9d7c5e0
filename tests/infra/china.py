"""Rules for templates that are deployed in China: each yields its violations as text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.infra.templates import Template, as_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTITION = "aws-cn"
# The same in both partitions. Other Chinese principals (ec2, for example) end in .com.cn.
PRINCIPALS = {
    "lambda.amazonaws.com", "sagemaker.amazonaws.com", "scheduler.amazonaws.com", "sns.amazonaws.com",
    "cloudwatch.amazonaws.com", "events.amazonaws.com", "pipes.amazonaws.com", "states.amazonaws.com",
}  # fmt: skip
# The service that uses a key may end in .cn there, or not.
ANY_SUFFIX = ".amazonaws.com*"
# Properties of features that the Chinese regions lack, at any depth.
LACKING = {
    "TracingConfig": "X-Ray for Lambda",
    "Tracing": "X-Ray for Lambda",
    "SnapStart": "SnapStart for Python",
    "FunctionUrlConfig": "function URLs",
    "RedriveAllowPolicy": "dead-letter redrive",
    "ServerlessConfig": "serverless inference",
    "MetricsConfig": "metrics of event sources",
    "Layers": "AWS's public layers",
}
LACKING_TYPES = {"AWS::Lambda::Url": "function URLs", "AWS::XRay::Group": "X-Ray"}
LACKING_ACTIONS = {
    "sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks", "sqs:CancelMessageMoveTask",
    "xray:PutTraceSegments", "xray:PutTelemetryRecords",
}  # fmt: skip


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every value with the keys that lead to it."""
    yield path, value
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from walk(entry, (*path, str(key)))


def texts(template: Template) -> Iterator[tuple[str, str]]:
    """Yield every text of resources, outputs, conditions and rules, with its place."""
    for part in ("Resources", "Outputs", "Conditions", "Rules"):
        for path, value in walk(template.body.get(part, {})):
            if isinstance(value, str):
                yield "/".join((part, *path)), value


def no_partition_is_spelt_out(template: Template) -> Iterator[str]:
    for place, text in texts(template):
        # SAM's own translation knows the region's partition and may write it out.
        for partition in re.findall(r"arn:(aws[a-z-]*)", text):
            if partition != PARTITION:
                yield f"{place} is of the partition {partition}"


def no_suffix_is_spelt_out(template: Template) -> Iterator[str]:
    for place, text in texts(template):
        if re.search(r"amazonaws\.com(?!\.cn)", text) and text not in PRINCIPALS and not text.endswith(ANY_SUFFIX):
            yield f"{place} says {text}"


def no_region_is_spelt_out(template: Template) -> Iterator[str]:
    for place, text in texts(template):
        if re.search(r"\b(us|eu|ap|ca|sa|me|af|cn)-(north|south|east|west|central)[a-z]*-\d\b", text):
            yield f"{place} says {text}"


def everything_needed_is_there(template: Template) -> Iterator[str]:
    for key, resource in template.body["Resources"].items():
        if resource["Type"] in LACKING_TYPES:
            yield f"{key} needs {LACKING_TYPES[resource['Type']]}"
        for path, _ in walk(resource.get("Properties", {})):
            # Parameters of a nested stack may be called like a property, and its template is checked too.
            nested = resource["Type"] == "AWS::CloudFormation::Stack" and path[:1] == ("Parameters",)
            if path and path[-1] in LACKING and not nested:
                yield f"{key}: {path[-1]} needs {LACKING[path[-1]]}"
    for mapping in template.of_type("AWS::Lambda::EventSourceMapping"):
        if "Tags" in template.properties(mapping):
            yield f"{mapping}: event sources have no tags there"
    for role, statement in template.role_statements():
        for action in LACKING_ACTIONS.intersection(as_list(statement["Action"])):
            yield f"{role}: {action} does not exist there"


def functions_run_on_what_is_there_by_default(template: Template) -> Iterator[str]:
    for key in template.of_type("AWS::Lambda::Function"):
        (architecture,) = template.properties(key).get("Architectures", ["x86_64"])
        if isinstance(architecture, dict):
            architecture = template.body["Parameters"][architecture["Ref"]]["Default"]
        if architecture != "x86_64":
            yield f"{key} runs on {architecture}"


def what_depends_on_the_partition_knows_it(template: Template) -> Iterator[str]:
    mappings = template.body.get("Mappings", {})
    asked = [value["Fn::FindInMap"] for _, value in walk(template.body) if isinstance(value, dict)
             and "Fn::FindInMap" in value]  # fmt: skip
    for name, key, *_ in asked:
        if json.dumps(key) == '{"Ref": "AWS::Partition"}' and PARTITION not in mappings[name]:
            yield f"{name} does not know {PARTITION}"


RULES: tuple[Callable[[Template], Iterator[str]], ...] = (
    no_partition_is_spelt_out,
    no_suffix_is_spelt_out,
    no_region_is_spelt_out,
    everything_needed_is_there,
    functions_run_on_what_is_there_by_default,
    what_depends_on_the_partition_knows_it,
)


def findings(template: Template) -> list[str]:
    """Return the violations of all rules."""
    return [f"{rule.__name__}: {finding}" for rule in RULES for finding in rule(template)]
