"""Rules for the endpoint: isolated, notifying, and scaling on metrics that it publishes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.infra.rules.shapes import ALARM, ENDPOINT_CONFIG, MODEL, SCALABLE_TARGET, SCALING_POLICY
from tests.infra.templates import Template, as_list, target

# Metrics that asynchronous endpoints publish by name only (docs/sagemaker.md).
BACKLOG_METRICS = {
    "ApproximateAgeOfOldestRequest",
    "ApproximateBacklogSize",
    "ApproximateBacklogSizePerInstance",
    "HasBacklogWithoutCapacity",
}

# Metrics by which Application Auto Scaling can follow a variant, by what it changes.
PREDEFINED_METRICS = {
    "DesiredInstanceCount": {
        "SageMakerVariantInvocationsPerInstance",
        "SageMakerVariantConcurrentRequestsPerModelHighResolution",
    },
    "DesiredProvisionedConcurrency": {"SageMakerVariantProvisionedConcurrencyUtilization"},
}


def models_are_cut_off_from_the_network(template: Template) -> Iterator[str]:
    for model in template.of_type(MODEL):
        serverless = "ServerlessEndpoint" in template.body["Resources"]  # such endpoints have no isolation
        if not serverless and str(template.properties(model).get("EnableNetworkIsolation")).lower() != "true":
            yield f"{model} reaches the network"


def models_stand_in_the_network_that_is_asked_for(template: Template) -> Iterator[str]:
    for model in template.of_type(MODEL):
        for name in ("SubnetIds", "SecurityGroupIds"):
            if not template.properties(model).get(name):
                yield f"{model} has no {name}"


def endpoints_tell_what_came_of_each_request(template: Template) -> Iterator[str]:
    for config in template.of_type(ENDPOINT_CONFIG):
        if "AsyncInferenceConfig" not in template.properties(config):
            continue  # ScoreChunks tells it for real-time and serverless endpoints
        output = template.properties(config)["AsyncInferenceConfig"].get("OutputConfig", {})
        topics = output.get("NotificationConfig", {})
        expected = {"SuccessTopic": {"Ref": "SucceededTopic"}, "ErrorTopic": {"Ref": "FailedTopic"}}
        if {name: topics.get(name) for name in expected} != expected:
            yield f"{config} does not notify both topics"
        for path, folder in (("S3OutputPath", "outputs"), ("S3FailurePath", "failures")):
            if output.get(path) != {"Fn::Sub": f"s3://${{Bucket}}/v1/{folder}"}:
                yield f"{config}: {path} is {output.get(path)}"


def endpoints_that_scale_can(template: Template) -> Iterator[str]:
    scales = bool(template.of_type(SCALABLE_TARGET))
    for config in template.of_type(ENDPOINT_CONFIG):
        for variant in template.properties(config)["ProductionVariants"]:
            if scales and str(variant.get("InstanceType")).startswith("ml.t"):
                yield f"{config}: {variant['InstanceType']} cannot scale"
    for name in template.of_type(SCALABLE_TARGET):
        bounds = template.properties(name)
        if int(bounds["MaxCapacity"]) < int(bounds["MinCapacity"]):
            yield f"{name} is to be larger than {bounds['MinCapacity']} and smaller than {bounds['MaxCapacity']}"


def scaling_follows_the_backlog_and_leaves_zero(template: Template) -> Iterator[str]:
    asynchronous = any(
        "AsyncInferenceConfig" in template.properties(name) for name in template.of_type(ENDPOINT_CONFIG)
    )
    if not asynchronous or not template.of_type(SCALABLE_TARGET):
        return
    policies = {key: template.properties(key) for key in template.of_type(SCALING_POLICY)}
    kinds = sorted(str(policy["PolicyType"]) for policy in policies.values())
    if kinds != ["StepScaling", "TargetTrackingScaling"]:
        yield f"scaling needs a step out of zero and a target, and has {kinds}"
    for key, policy in policies.items():
        tracked = policy.get("TargetTrackingScalingPolicyConfiguration", {}).get("CustomizedMetricSpecification")
        if tracked and tracked["MetricName"] not in BACKLOG_METRICS:
            yield f"{key}: asynchronous endpoints do not publish {tracked['MetricName']}"
    steps = {key for key, policy in policies.items() if policy["PolicyType"] == "StepScaling"}
    driven = {
        action["Ref"]
        for alarm in template.of_type(ALARM).values()
        if alarm["Properties"].get("MetricName") == "HasBacklogWithoutCapacity"
        for action in as_list(alarm["Properties"].get("AlarmActions", []))
        if "Ref" in action
    }
    for step in steps - driven:
        yield f"{step}: no alarm on HasBacklogWithoutCapacity takes it"


def other_endpoints_scale_by_what_they_publish(template: Template) -> Iterator[str]:
    if any("AsyncInferenceConfig" in template.properties(name) for name in template.of_type(ENDPOINT_CONFIG)):
        return
    targets = template.of_type(SCALABLE_TARGET)
    followed = {
        target(policy["Properties"]["ScalingTargetId"]): policy["Properties"]
        for policy in template.of_type(SCALING_POLICY).values()
    }
    for name in targets.keys() - followed.keys():
        yield f"{name} follows nothing"
    for name, policy in followed.items():
        tracked = policy["TargetTrackingScalingPolicyConfiguration"].get("PredefinedMetricSpecification", {})
        dimension = template.properties(name)["ScalableDimension"].rpartition(":")[2]
        if tracked.get("PredefinedMetricType") not in PREDEFINED_METRICS[dimension]:
            yield f"{name} cannot follow {tracked.get('PredefinedMetricType')}"
        if int(template.properties(name)["MinCapacity"]) < 1:
            yield f"{name}: only asynchronous endpoints scale to zero"


def backlog_metrics_exist(template: Template) -> Iterator[str]:
    for name, alarm in template.of_type(ALARM).items():
        properties = alarm["Properties"]
        dimensions = [each["Name"] for each in properties.get("Dimensions", [])]
        by_name_alone = properties.get("Namespace") == "AWS/SageMaker" and dimensions == ["EndpointName"]
        if by_name_alone and properties["MetricName"] not in BACKLOG_METRICS:
            yield f"{name}: endpoints do not publish {properties['MetricName']} by their name alone"


HARDENED = (models_stand_in_the_network_that_is_asked_for,)
RULES = (
    models_are_cut_off_from_the_network,
    endpoints_tell_what_came_of_each_request,
    endpoints_that_scale_can,
    scaling_follows_the_backlog_and_leaves_zero,
    other_endpoints_scale_by_what_they_publish,
    backlog_metrics_exist,
)
