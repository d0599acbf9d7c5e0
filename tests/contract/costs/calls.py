"""Calls of a chunk, in the form of docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence

from tailrace.costs.cost_model import AWS_OWN, FUNCTION_GB, FUNCTION_S, Workload
from tailrace.costs.prices import IRELAND
from tests.contract.costs.metering import Counted, counted

HEADER = (
    "| chunks | S3 | DynamoDB | SageMaker | SNS | SQS | all | USD for a million rows |\n"
    "| -: | -: | -: | -: | -: | -: | -: | -: |"
)


def table(jobs: Sequence[int]) -> str:
    """Format a Markdown table with a line for each number of chunks."""
    return "\n".join((HEADER, *(line(chunks) for chunks in jobs)))


def line(chunks: int) -> str:
    """Format a job's calls for each chunk, and the cost of a million rows of 100 bytes."""
    found = counted(chunks)
    services = (("s3",), ("dynamodb",), ("sagemaker", "sagemaker-runtime"), ("sns",), ("sqs",))
    columns = [found.of(*each) for each in services]
    shown = " | ".join(f"{each:.2f}" for each in (*columns, found.each))
    return f"| {chunks:,} | {shown} | {_price(found):.4f} |"


def _price(found: Counted) -> float:
    counted_ones = found.usage.cost(IRELAND) / found.chunks
    function = FUNCTION_S * FUNCTION_GB * IRELAND.function_gb_second
    return Workload().chunks * (counted_ones + AWS_OWN.cost(IRELAND) + function)
