"""Random fault plans: every fault of the local cloud that must not cost a good row.

Excluded are the faults that rightly reject one: a server that fails at every attempt (here at most
at the first two of three), and an answer that is wrong, too slow or too large for a single row.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tailrace_local.control.fault_admin import CloudFaultPlan
from tests.faults.deployed.demand_input import Disorder, Flaw
from tests.faults.deployed.faulty_cloud import CUTTING, FUNCTIONS, INBOX

_FIRST = {"inference_id": r"\.1$"}
_FIRST_TWO = {"inference_id": r"\.[12]$"}
_TEN_ROWS = {"inference_id": r"\.[0-9]{2,}\.[0-9]+$"}
"""Matches chunks of ten rows or more. Fewer rows are rejected before sending (`random_jobs`), so at
least two were sent."""


def rule(what: str | dict[str, Any], **when: Any) -> dict[str, Any]:
    """Build a rule of a plan; ``what`` is a fault or only its kind."""
    return {"when": when, "do": {"kind": what} if isinstance(what, str) else what}


_PAGES = {
    Flaw.ERROR_OBJECT: '{"error": "CUDA out of memory. Tried to allocate 2 GiB"}',
    Flaw.ERROR_PAGE: "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    Flaw.ERROR_TEXT: "RuntimeError: CUDA out of memory",
    Flaw.NUL_BYTES: "\0\0\0\0",
}
_ORDERS = {Disorder.REVERSED: "reverse", Disorder.ROTATED: "rotate", Disorder.DOUBLED: "double_middle"}


def with_words_of_rows(plan: CloudFaultPlan) -> CloudFaultPlan:
    """Add the rules for rows that determine the answer to their request (`demand_input`)."""
    rules = [
        rule({"kind": "status", "status": 500}, row=Flaw.CRASH.name),
        *(
            rule({"kind": "spoil_output", "how": "replace", "text": text}, row=flaw.name)
            for flaw, text in _PAGES.items()
        ),
        *(rule({"kind": "spoil_output", "how": how}, row=disorder.value) for disorder, how in _ORDERS.items()),
    ]
    made = CloudFaultPlan.model_validate({"sagemaker": {"rules": rules}}).sagemaker.rules
    return plan.model_copy(
        update={"sagemaker": plan.sagemaker.model_copy(update={"rules": (*plan.sagemaker.rules, *made)})}
    )


def with_cutting_faults(source: random.Random, plan: CloudFaultPlan) -> CloudFaultPlan:
    """Draw faults of the functions that cut, and add them."""
    drawn = [
        rule("kill_before", function=f"*{source.choice(CUTTING)}*", number=source.randint(1, 4), limit=1),
        rule("kill_after", function="*CutStripe*", call="dynamodb.TransactWriteItems", limit=1),
        rule({"kind": "kill_during", "from_s": 0.0, "to_s": 0.5}, function="*CutStripe*", rate=0.3, limit=2),
        rule("lose_reply", function=f"*{source.choice(CUTTING)}*", rate=0.1, limit=2),
        rule("refuse", function=f"*{source.choice(CUTTING)}*", rate=0.1, limit=2),
    ]
    return _with_functions(plan, [each for each in drawn if source.random() < 0.5])


def with_inbox_faults(source: random.Random, plan: CloudFaultPlan) -> CloudFaultPlan:
    """Draw faults of StartJobs and DeliverResults, and add them."""
    drawn = [
        rule("kill_before", function=f"*{source.choice(INBOX)}*", number=source.randint(1, 8), limit=1),
        rule("kill_after", function="*StartJobs*", number=source.randint(3, 8), limit=1),
        rule("kill_after", function="*DeliverResults*", call="s3.PutObject", limit=source.randint(1, 2)),
        rule({"kind": "kill_during", "from_s": 0.0, "to_s": 0.5}, function=f"*{source.choice(INBOX)}*", limit=1),
        rule("lose_reply", function=f"*{source.choice(INBOX)}*", rate=0.15, limit=3),
        rule("refuse", function=f"*{source.choice(INBOX)}*", rate=0.15, limit=3),
        rule("unreachable", function=f"*{source.choice(INBOX)}*", rate=0.1, limit=2),
    ]
    return _with_functions(plan, [each for each in drawn if source.random() < 0.5])


def _with_functions(plan: CloudFaultPlan, rules: Sequence[dict[str, Any]]) -> CloudFaultPlan:
    made = CloudFaultPlan.model_validate({"functions": {"rules": rules}}).functions.rules
    return plan.model_copy(
        update={"functions": plan.functions.model_copy(update={"rules": (*plan.functions.rules, *made)})}
    )


def random_plan(source: random.Random, *, header_repeated: bool) -> CloudFaultPlan:
    """Draw a plan with about half of the possible faults, at random rates."""
    endpoint = [each for each in _endpoint(source, header_repeated=header_repeated) if source.random() < 0.5]
    functions = [each for each in _functions(source) if source.random() < 0.5]
    plan = {
        "seed": source.randrange(2**31),
        "sagemaker": {"rules": endpoint},
        "functions": {"rules": functions},
    }
    return CloudFaultPlan.model_validate(plan)


def _endpoint(source: random.Random, *, header_repeated: bool) -> Sequence[dict[str, Any]]:
    def rate(most: float) -> float:
        return round(source.uniform(0.02, most), 3)

    # A dying instance fails the requests in progress, at any attempt: other faults then apply once
    # only.
    dies = source.random() < 0.3
    failing = _FIRST if dies else _FIRST_TWO
    # Where a header is sent, an extra line counts as the scored header, so that fault is excluded.
    spoilt = ["drop_last", "drop_middle", "empty", *([] if header_repeated else ["add_line"])]
    return [
        rule("refuse", rate=rate(0.15), limit=6),
        rule("lose", rate=rate(0.1)),
        rule("expire", rate=rate(0.1)),
        rule("lose_answer", rate=rate(0.1), limit=6),
        rule("fail_download", rate=rate(0.1), limit=2, **_FIRST),
        rule({"kind": "status", "status": source.choice((500, 502, 503))}, rate=rate(0.3), **failing),
        rule({"kind": "status", "status": 429}, rate=rate(0.1), **_FIRST_TWO),
        rule({"kind": "status", "status": 413}, rate=rate(0.1), **_TEN_ROWS),
        rule("hang_up", rate=rate(0.1), **failing),
        rule("no_response", rate=rate(0.1), **failing),
        rule("time_out", rate=rate(0.1), **_TEN_ROWS),
        rule({"kind": "slow", "seconds": source.choice((0.2, 1.0, 3.0))}, rate=rate(0.3)),
        *([rule("kill_instance", rate=rate(0.3), limit=1, **_FIRST)] if dies else []),
        rule({"kind": "spoil_output", "how": source.choice(spoilt)}, rate=rate(0.2), **_TEN_ROWS),
        rule("fail_upload", rate=rate(0.1), **_FIRST),
        rule("drop", rate=rate(0.3)),
        rule(
            {"kind": "duplicate", "times": source.randint(1, 3), "after_s": source.choice((0.0, 0.5))}, rate=rate(0.5)
        ),
        rule({"kind": "delay", "seconds": source.choice((0.2, 1.0)), "spread_s": 2.0}, rate=rate(0.5)),
        rule({"kind": "reorder", "window": source.randint(2, 6), "within_s": 2.0}, rate=rate(0.5)),
        rule("replay", rate=rate(0.3)),
        rule({"kind": "forge", "changes": source.choice(_FORGED)}, rate=rate(0.2)),
    ]


_FORGED: tuple[dict[str, Any], ...] = (
    {"inferenceId": "01ARZ3NDEKTSV4RRFFQ69G5FAV.0.10.1"},
    {"inferenceId": "not ours"},
    {"requestParameters.endpointName": "another"},
    {"invocationStatus": "Completed", "failureReason": None, "responseParameters.outputLocation": None},
    {"invocationStatus": "Unknown"},
)


def _functions(source: random.Random) -> Sequence[dict[str, Any]]:
    def anyone(what: str | dict[str, Any], most: float, limit: int) -> dict[str, Any]:
        function = source.choice(("", *FUNCTIONS))
        rate = round(source.uniform(0.005, most), 4)
        return rule(what, function=f"*{function}*", rate=rate, limit=source.randint(1, limit))

    # The queues let a message fail four times.
    return [
        anyone("kill_before", 0.05, 2),
        anyone("kill_after", 0.05, 2),
        anyone({"kind": "kill_during", "from_s": 0.0, "to_s": 0.5}, 0.2, 2),
        anyone("unreachable", 0.05, 4),
        anyone("lose_reply", 0.05, 4),
        anyone("refuse", 0.05, 4),
    ]
