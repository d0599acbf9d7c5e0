"""Rules against fixed names, accounts and partitions, so that stacks deploy side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.infra.rules.shapes import strings
from tests.infra.templates import Template, target

NAME_PROPERTIES = {
    "AlarmName", "BucketName", "DashboardName", "EndpointConfigName", "EndpointName", "FunctionName", "LogGroupName",
    "ManagedPolicyName", "ModelName", "QueueName", "RoleName", "TableName", "TopicName",
}  # fmt: skip
# A service principal is the same in both partitions. A calling service may end in .cn, or not.
PLACELESS = re.compile(r"([a-z-]+\.){1,2}amazonaws\.com\*?|[a-z0-9]+\.\$\{AWS::Region\}\.amazonaws\.com\*")


def nothing_is_named_by_hand(template: Template) -> Iterator[str]:
    known = template.body["Resources"].keys() | template.body.get("Parameters", {}).keys()
    for key, resource in template.body["Resources"].items():
        for name in NAME_PROPERTIES & resource.get("Properties", {}).keys():
            value = resource["Properties"][name]
            # A reference to another resource is no fixed name; anything else is.
            if target(value) not in known:
                yield f"{key} is named {value!r}"


def partitions_are_not_spelt_out(template: Template) -> Iterator[str]:
    for text in strings(template.body["Resources"]):
        if re.search(r"arn:aws", text):
            yield f"{text!r} names a partition"
        if "amazonaws.com" in text and not PLACELESS.fullmatch(text):
            yield f"{text!r} names a URL suffix"
        if re.search(r"(?<![0-9])[0-9]{12}(?![0-9])", text):
            yield f"{text!r} names an account"


RULES = (nothing_is_named_by_hand, partitions_are_not_spelt_out)
