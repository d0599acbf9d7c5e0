"""Flaws of the functions, the endpoint and its scaling."""

from __future__ import annotations

from tests.infra.flaws.planting import (
    ENDPOINT,
    KEYED,
    REALTIME_SCALED,
    ROOT,
    SCALED,
    Flaw,
    add,
    arn,
    caught,
    drop,
    put,
    ref,
    remove,
    sub,
    turn_off,
)

_CALL = {"FunctionName": ref("CollectResults"), "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}


FLAWS: tuple[Flaw, ...] = (
    *caught(
        "rules functions_are_named_after_their_folders",
        ROOT,
        {
            "a function that is another": put(
                "DispatchRetries.Handler", "tailrace_consumers.collect_results.handler.handler"
            ),
        },
    ),
    *caught(
        "rules functions_have_a_role_and_a_log_group_of_their_own",
        ROOT,
        {
            "a function with another's role": put("DispatchRetries.Role", arn("HandleFailuresRole")),
            "a function whose logs Lambda places": drop("DispatchRetries.LoggingConfig"),
        },
    ),
    *caught(
        "rules logs_are_forgotten",
        ROOT,
        {
            "logs kept for ever": drop("CollectResultsLogGroup.RetentionInDays"),
        },
    ),
    *caught(
        "rules environments_hold_no_secrets_and_logs_no_bodies",
        ROOT,
        {
            "a secret in the environment": put("CollectResults.Environment.Variables.API_TOKEN", "x"),
            "whole events in the logs": put("HandleFailures.Environment.Variables.POWERTOOLS_LOGGER_LOG_EVENT", "true"),
        },
    ),
    *caught(
        "checkov CKV_AWS_45",
        ROOT,
        {
            "an access key in the environment": put("CollectResults.Environment.Variables.KEY", "AKIAIOSFODNN7EXAMPL2"),
        },
    ),
    *caught(
        "rules what_nobody_waits_for_is_not_lost",
        ROOT,
        {
            "a tick that vanishes": drop("ReconcileJobs.DeadLetterConfig"),
        },
    ),
    *caught(
        "cdk-nag Serverless-LambdaDLQ",
        ROOT,
        {
            "a tick that vanishes, seen by another": drop("ReconcileJobs.DeadLetterConfig"),
        },
    ),
    *caught(
        "rules functions_are_called_only_for_one_source",
        ROOT,
        {
            "a function that any bucket calls": add("Call", "AWS::Lambda::Permission", **_CALL),
            "a function on the network": add(
                "Url", "AWS::Lambda::Url", TargetFunctionArn=ref("CollectResults"), AuthType="NONE"
            ),
        },
    ),
    *caught(
        "checkov CKV_AWS_364",
        ROOT,
        {
            "a function that any bucket calls, seen by another": add("Call", "AWS::Lambda::Permission", **_CALL),
        },
    ),
    *caught(
        "checkov CKV_AWS_258",
        ROOT,
        {
            "a function on the network, seen by another": add(
                "Url", "AWS::Lambda::Url", TargetFunctionArn=ref("CollectResults"), AuthType="NONE"
            ),
        },
    ),
    *caught(
        "cfn-lint E2531",
        ROOT,
        {
            "a runtime that is no more": put("HandleFailures.Runtime", "python3.7"),
        },
    ),
    *caught(
        "rules every_function_is_signed_traced_and_bounded",
        KEYED,
        {
            "a function that nobody signed": drop("CollectResults.CodeSigningConfigArn"),
            "a function that nobody traces": put("CollectResults.TracingConfig", {"Mode": "PassThrough"}),
            "a function with the account's whole concurrency": drop("ReconcileJobs.ReservedConcurrentExecutions"),
        },
    ),
    *caught(
        "rules models_are_cut_off_from_the_network",
        ENDPOINT,
        {
            "a model on the network": turn_off("Model.EnableNetworkIsolation"),
        },
    ),
    *caught(
        "rules models_stand_in_the_network_that_is_asked_for",
        SCALED,
        {
            "a model outside of the VPC": drop("Model.SubnetIds"),
        },
    ),
    *caught(
        "rules endpoints_tell_what_came_of_each_request",
        ENDPOINT,
        {
            "an endpoint that is silent on failure": drop(
                "EndpointConfig.AsyncInferenceConfig.Fn::If.1.OutputConfig.NotificationConfig.ErrorTopic"
            ),
            "an endpoint that takes failures for successes": put(
                "EndpointConfig.AsyncInferenceConfig.Fn::If.1.OutputConfig.NotificationConfig.ErrorTopic",
                ref("SucceededTopic"),
            ),
            "failures written nowhere": drop("EndpointConfig.AsyncInferenceConfig.Fn::If.1.OutputConfig.S3FailurePath"),
        },
    ),
    *caught(
        "rules nothing_is_named_by_hand",
        ENDPOINT,
        {
            "an endpoint named by hand": put("Endpoint.EndpointName", ref("AWS::StackName")),
        },
    ),
    *caught(
        "rules partitions_are_not_spelt_out",
        ENDPOINT,
        {
            "an endpoint's policy in one partition": put(
                "EndpointConfig.AsyncInferenceConfig.Fn::If.1.OutputConfig.S3OutputPath",
                sub("https://${Bucket}.s3.eu-west-1.amazonaws.com/v1/outputs"),
            ),
        },
    ),
    *caught(
        "rules endpoints_that_scale_can",
        SCALED,
        {
            "instances that cannot scale": put(
                "EndpointConfig.ProductionVariants.0.Fn::If.2.InstanceType", "ml.t2.medium"
            ),
            "bounds the wrong way round": put("ScalableTarget.MinCapacity", 5),
        },
    ),
    *caught(
        "rules scaling_follows_the_backlog_and_leaves_zero",
        SCALED,
        {
            "no way out of zero": remove("LeaveZero"),
            "an alarm that starts nothing": put("BacklogWithoutCapacity.AlarmActions", []),
            "scaling by a metric that is not published": put(
                "FollowBacklog.TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.MetricName",
                "InvocationsPerInstance",
            ),
        },
    ),
    *caught(
        "rules other_endpoints_scale_by_what_they_publish",
        REALTIME_SCALED,
        {
            "a real-time endpoint that scales to zero": put("ScalableTarget.MinCapacity", 0),
            "a real-time endpoint that scales by nothing": remove("FollowRequests"),
            "scaling by a metric of serverless endpoints": put(
                "FollowRequests.TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification",
                {"PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"},
            ),
        },
    ),
    *caught(
        "rules backlog_metrics_exist",
        SCALED,
        {
            "a misspelt metric": put("BacklogWithoutCapacity.MetricName", "HasBacklogWithoutCapacityy"),
        },
    ),
    *caught(
        "validate W3030",
        ENDPOINT,
        {
            "an instance type that does not exist": put(
                "EndpointConfig.ProductionVariants.0.Fn::If.2.InstanceType", "ml.m99.large"
            ),
        },
    ),
)
