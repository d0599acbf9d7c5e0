from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .cloud import ACCOUNT, IMAGE, REGION, ROLE, Lab, client, eventually
from .conftest import MakeLab


def _refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_was_created_is_described_listed_and_deleted(lab: Lab) -> None:
    model = lab.model(COLOUR="blue")
    config = lab.config(model, asynchronous=lab.async_config(MaxConcurrentInvocationsPerInstance=7))
    described = lab.sm.describe_model(ModelName=model)
    assert described["PrimaryContainer"] == {"Image": IMAGE, "Environment": {"COLOUR": "blue"}}
    assert described["ModelArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{model}"
    assert abs((described["CreationTime"] - datetime.now(UTC)).total_seconds()) < 60
    shown = lab.sm.describe_endpoint_config(EndpointConfigName=config)
    assert shown["AsyncInferenceConfig"] == lab.async_config(MaxConcurrentInvocationsPerInstance=7)
    assert [one["ModelName"] for one in lab.sm.list_models()["Models"]] == [model]
    assert [one["EndpointConfigName"] for one in lab.sm.list_endpoint_configs()["EndpointConfigs"]] == [config]
    lab.sm.delete_endpoint_config(EndpointConfigName=config)
    lab.sm.delete_model(ModelName=model)
    assert lab.sm.list_models()["Models"] == []


@pytest.mark.parametrize("operation", ["describe_endpoint", "delete_endpoint"])
def test_an_endpoint_that_is_not_there_is_a_validation_exception(lab: Lab, operation: str) -> None:
    code, message = _refusal(getattr(lab.sm, operation), EndpointName="nobody")
    assert code == "ValidationException"
    assert message == f'Could not find endpoint "arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/nobody".'


def test_invoking_an_endpoint_that_is_not_there_is_a_validation_error(lab: Lab) -> None:
    code, message = _refusal(lab.rt.invoke_endpoint_async, EndpointName="nobody", InputLocation="s3://b/k")
    assert (code, message) == ("ValidationError", f"Endpoint nobody of account {ACCOUNT} not found.")


def test_a_parameter_outside_its_limits_is_refused_by_the_server(lab: Lab) -> None:
    name = lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config()))
    refused = _refusal(lab.rt.invoke_endpoint_async, EndpointName=name, InputLocation="s3://b/k", InferenceId="x" * 65)
    assert refused[0] == "ValidationError"
    assert "Member must have length less than or equal to 64" in refused[1]


def test_an_existing_name_is_refused(lab: Lab) -> None:
    model = lab.model()
    container = {"Image": IMAGE}
    refused = _refusal(lab.sm.create_model, ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    assert "Cannot create already existing model" in refused[1]


def test_lists_come_in_pages_filtered_and_sorted(lab: Lab) -> None:
    for number in range(23):
        container = {"Image": IMAGE}
        lab.sm.create_model(ModelName=f"m-{number:02d}", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    lab.sm.create_model(ModelName="other", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    pages = lab.sm.get_paginator("list_models").paginate(NameContains="M-", SortBy="Name", SortOrder="Ascending")
    names = [[one["ModelName"] for one in page["Models"]] for page in pages]
    assert [len(page) for page in names] == [10, 10, 3]
    assert [name for page in names for name in page] == [f"m-{number:02d}" for number in range(23)]
    assert len(lab.sm.list_models(MaxResults=100)["Models"]) == 24


def test_tags_are_kept_and_taken_off(lab: Lab) -> None:
    tags = [{"Key": "team", "Value": "demand planning"}]
    arn = lab.sm.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}, Tags=tags)[
        "ModelArn"
    ]
    lab.sm.add_tags(ResourceArn=arn, Tags=[{"Key": "cost", "Value": "7"}])
    assert lab.sm.list_tags(ResourceArn=arn)["Tags"] == [*tags, {"Key": "cost", "Value": "7"}]
    lab.sm.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert lab.sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "cost", "Value": "7"}]


def test_a_serial_pipeline_behind_an_asynchronous_endpoint_is_refused(lab: Lab) -> None:
    lab.sm.create_model(ModelName="row", ExecutionRoleArn=ROLE, Containers=[{"Image": IMAGE}, {"Image": IMAGE}])
    with pytest.raises(ClientError, match="serial inference pipelines are not supported"):
        lab.config("row", asynchronous=lab.async_config())
    assert lab.config("row", "realtime")


def test_a_list_of_one_container_is_fine_behind_an_asynchronous_endpoint(lab: Lab) -> None:
    lab.sm.create_model(ModelName="one", ExecutionRoleArn=ROLE, Containers=[{"Image": IMAGE}])
    assert lab.config("one", asynchronous=lab.async_config())


def test_several_variants_are_refused_for_asynchronous_inference(lab: Lab) -> None:
    model = lab.model()
    variants = [
        {"VariantName": name, "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        for name in "ab"
    ]
    code, message = _refusal(
        lab.sm.create_endpoint_config,
        EndpointConfigName="c",
        ProductionVariants=variants,
        AsyncInferenceConfig=lab.async_config(),
    )
    assert code == "ValidationException"
    assert "Multiple production variants are not supported" in message


def test_what_is_not_emulated_says_so(lab: Lab) -> None:
    code, message = _refusal(lab.sm.list_notebook_instances)
    assert code == "UnknownOperationException"
    assert "ListNotebookInstances" in message


def test_the_backlog_is_put_to_cloudwatch_with_the_endpoints_name_as_its_only_dimension(
    make_lab: MakeLab, aws_url: str
) -> None:
    lab = make_lab(metrics_period_s=0.1)
    name = lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config()))
    lab.invoke(name, lab.put("1\n"))
    lab.success.next()
    cloudwatch = client("cloudwatch", aws_url)

    def published(metric: str) -> list[list[str]]:
        found = cloudwatch.list_metrics(Namespace="AWS/SageMaker", MetricName=metric)["Metrics"]
        return [[one["Name"] for one in metric["Dimensions"]] for metric in found if _of(metric, name)]

    assert eventually(lambda: published("ApproximateBacklogSizePerInstance"), "the backlog")[0] == ["EndpointName"]
    assert eventually(lambda: published("ModelLatency"), "the latency")[0] == ["EndpointName", "VariantName"]


def _of(metric: dict[str, Any], endpoint: str) -> bool:
    return {"Name": "EndpointName", "Value": endpoint} in metric["Dimensions"]
