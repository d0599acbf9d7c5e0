"""A platform's requirements, each a parameter: setting it has its effect everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from tests.infra.rules.shapes import BUCKET, FUNCTION, ROLE, TABLE
from tests.infra.templates import ENGINES, FILES, MAKERS, Template, as_list


def every_role_is_bounded(template: Template) -> Iterator[str]:
    for role in template.of_type(ROLE):
        if not template.properties(role).get("PermissionsBoundary"):
            yield f"{role} has no permissions boundary"


def every_function_is_signed_traced_and_bounded(template: Template) -> Iterator[str]:
    for function in template.of_type(FUNCTION):
        properties = template.properties(function)
        if not properties.get("CodeSigningConfigArn"):
            yield f"{function} runs code that nobody signed"
        if properties.get("TracingConfig") != {"Mode": "Active"}:
            yield f"{function} is not traced"
        # A maker runs while a stack changes, and no message waits for it. Engines are bounded by
        # their queues, to what the endpoint takes, and the functions of files by their queues and by
        # how many stripes the state machine reads at once.
        if function not in MAKERS + ENGINES + FILES and not properties.get("ReservedConcurrentExecutions"):
            yield f"{function} may take the account's whole concurrency"
        role = f"{function}Role"
        granted = {a for owner, each in template.role_statements() if owner == role for a in as_list(each["Action"])}
        if not granted >= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}:
            yield f"{function} cannot send its traces"


def access_to_the_bucket_is_logged(template: Template) -> Iterator[str]:
    for bucket in template.of_type(BUCKET):
        if not template.properties(bucket).get("LoggingConfiguration", {}).get("DestinationBucketName"):
            yield f"nobody writes down who reads {bucket}"


def the_ledger_costs_no_more_than_was_said(template: Template) -> Iterator[str]:
    for table in template.of_type(TABLE):
        caps = template.properties(table).get("OnDemandThroughput", {})
        for cap in ("MaxReadRequestUnits", "MaxWriteRequestUnits"):
            if cap not in caps:
                yield f"{table} has no {cap}"


HARDENED = (
    every_role_is_bounded,
    every_function_is_signed_traced_and_bounded,
    access_to_the_bucket_is_logged,
    the_ledger_costs_no_more_than_was_said,
)
