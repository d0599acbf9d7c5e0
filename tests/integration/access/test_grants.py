"""The grants suffice: a job of every kind succeeds, and no request is refused."""

from __future__ import annotations

import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.access.conftest import Exercised
from tests.integration.access.grants import is_optional

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]


def test_nothing_that_a_job_needs_is_refused(exercised: Exercised) -> None:
    arns = {holder.arn for holder in exercised.holders.values()} | {exercised.producer.arn}
    asked = [decision for decision in exercised.decisions if decision.principal in arns]
    assert {decision.principal for decision in asked} >= {
        exercised.producer.arn,
        *(exercised.holders[f"{name}Role"].arn for name in ("CollectResults", "HandleFailures", "DispatchRetries")),
        exercised.holders["EndpointRole"].arn,
        exercised.holders["ProvideModelRole"].arn,
    }
    refused = [decision for decision in asked if not decision.allowed]
    assert [decision for decision in refused if not is_optional(decision)] == []


def test_the_endpoint_is_enforced_like_aws_own_services(enforcing: RunningCloud) -> None:
    """A user without policies may not even read it."""
    iam = enforcing.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    session = enforcing.session().__class__(key["AccessKeyId"], key["SecretAccessKey"], region_name=enforcing.region)
    client = session.client("sagemaker", endpoint_url=enforcing.endpoint_url)
    try:
        with pytest.raises(
            client.exceptions.ClientError, match="not authorized to perform: sagemaker:DescribeEndpoint"
        ):
            client.describe_endpoint(EndpointName=enforcing.facts.endpoint_name)
    finally:
        iam.delete_access_key(UserName="nobody", AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName="nobody")
