"""Flaws of roles and policies."""

from __future__ import annotations

from tests.infra.flaws.planting import (
    ENDPOINT,
    KEYED,
    ROOT,
    SCALED,
    STUDIO,
    TICKS,
    Flaw,
    add,
    arn,
    caught,
    drop,
    grant,
    put,
    ref,
    sub,
)

_JOBS = sub("${Bucket.Arn}/v1/jobs/*/input/*")

_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": ref("SucceededTopic")}],
}

_FULL = sub("arn:${AWS::Partition}:iam::aws:policy/AmazonSageMakerFullAccess")


FLAWS: tuple[Flaw, ...] = (
    *caught(
        "rules roles_grant_single_actions_on_single_resources",
        ROOT,
        {
            "a wildcard action": put("CollectResultsRole#KeepLedger.Action", "dynamodb:*"),
            "a wildcard resource": put("HandleFailuresRole#SendOn.Resource", "*"),
            "everything but something": grant("CollectResultsRole", "s3:GetObject", _JOBS, NotAction="iam:*"),
        },
    ),
    *caught(
        "rules roles_grant_single_actions_on_single_resources",
        ENDPOINT,
        {
            "a wildcard resource for the endpoint": put("Role#ReadInputs.Resource", "*"),
            "a wildcard action for the endpoint": put("Role#WriteOutputsAndFailures.Action", ["s3:Put*"]),
            "an endpoint that publishes results": put("Role#Notify.Resource", "*"),
        },
    ),
    *caught(
        "cdk-nag AwsSolutions-IAM5[Resource::*]",
        ROOT,
        {
            "a wildcard resource, seen by another": put("ProducerPolicy#PublishResults.Resource", "*"),
        },
    ),
    *caught(
        "rules roles_hold_nothing_but_their_own_policy",
        ENDPOINT,
        {
            "a policy of AWS's": put("Role.ManagedPolicyArns", [_FULL]),
            "a policy that comes after its role": add(
                "Late", "AWS::IAM::Policy", PolicyName="Late", Roles=[ref("Role")], PolicyDocument=_POLICY
            ),
        },
    ),
    *caught(
        "cdk-nag AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/AmazonSageMakerFullAccess]",
        ENDPOINT,
        {
            "a policy of AWS's, seen by another": put("Role.ManagedPolicyArns", [_FULL]),
        },
    ),
    *caught(
        "control-tower iam_inline_policy_no_statements_with_admin_access_check",
        ROOT,
        {
            "an administrator": grant("CollectResultsRole", "*", "*"),
        },
    ),
    *caught(
        "access matrix",
        ROOT,
        {
            "a role that passes roles": grant("CollectResultsRole", "iam:PassRole", arn("CollectResultsRole")),
            "a function that reads another's queue": put(
                "CollectResultsRole#ConsumeSucceeded.Resource", [arn("SucceededQueue"), arn("FailedQueue")]
            ),
            "a function that deletes jobs": grant(
                "HandleFailuresRole", "s3:DeleteObject", sub("${Bucket.Arn}/v1/jobs/*")
            ),
            "a function that forges outputs": put(
                "BucketPolicy#DenyForgedOutputs.Condition",
                {"ArnNotEquals": {"aws:PrincipalArn": arn("CollectResultsRole")}},
            ),
            "a function that deletes the ledger": grant(
                "ReconcileJobsRole", "dynamodb:DeleteTable", arn("LedgerTable")
            ),
            "a function that scans the ledger": grant("ReconcileJobsRole", "dynamodb:Scan", arn("LedgerTable")),
            "a producer that reads what others sent": put(
                "ProducerPolicy#DownloadResults.Resource", sub("${Bucket.Arn}/v1/jobs/*")
            ),
            "a producer that notifies for the model": put(
                "ReaderPolicy#ConsumeResults.Resource", [arn("ResultsQueue"), arn("SucceededQueue")]
            ),
            "an operator that changes the ledger": put(
                "OperatorPolicy#KeepLedger.Action",
                ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem"],
            ),
        },
    ),
    *caught(
        "access matrix",
        TICKS,
        {
            "a schedule that cannot give up": put("Role#GiveUp.Action", "sqs:ReceiveMessage"),
        },
    ),
    *caught(
        "checkov CKV_AWS_110",
        ROOT,
        {
            "a role that passes any role": grant(
                "CollectResultsRole", ["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"], "*"
            ),
        },
    ),
    *caught(
        "access matrix",
        ENDPOINT,
        {
            "an endpoint that reads outputs": put(
                "Role#ReadInputs.Resource", sub("arn:${AWS::Partition}:s3:::${Bucket}/v1/*")
            ),
            "an endpoint that cannot tell of failures": put("Role#Notify.Resource", ref("SucceededTopic")),
        },
    ),
    *caught(
        "parliament RESOURCE_MISMATCH",
        ROOT,
        {
            "a bucket's action on its objects": grant("CollectResultsRole", "s3:ListBucket", sub("${Bucket.Arn}/*")),
        },
    ),
    *caught(
        "parliament UNKNOWN_ACTION",
        ROOT,
        {
            "an action that does not exist": put("CollectResultsRole#ReadOutputs.Action", "s3:GetObjects"),
        },
    ),
    *caught(
        "cfn-lint W3037",
        ROOT,
        {
            "an action that does not exist, seen by another": put(
                "DispatchRetriesRole#SendOn.Action", "sqs:SendMessages"
            ),
        },
    ),
    *caught(
        "parliament UNKNOWN_CONDITION_FOR_ACTION",
        ROOT,
        {
            "a condition that the action does not have": put(
                "HandleFailuresRole#SendOn.Condition", {"StringLike": {"s3:prefix": "v1/*"}}
            ),
        },
    ),
    *caught(
        "rules every_statement_has_a_name_of_its_own",
        ROOT,
        {
            "a statement without a name": drop("DispatchRetriesRole#InvokeModel.Sid"),
        },
    ),
    *caught(
        "rules roles_trust_one_service",
        ENDPOINT,
        {
            "a role that anybody takes on": put("Role.AssumeRolePolicyDocument.Statement.0.Principal", {"AWS": "*"}),
            "a role that works for other accounts": drop("Role.AssumeRolePolicyDocument.Statement.0.Condition"),
        },
    ),
    *caught(
        "checkov CKV_AWS_60",
        ENDPOINT,
        {
            "a role that anybody takes on, seen by another": put(
                "Role.AssumeRolePolicyDocument.Statement.0.Principal", {"AWS": "*"}
            ),
        },
    ),
    *caught(
        "rules roles_trust_one_service",
        TICKS,
        {
            "a schedule's role that works for other accounts": drop(
                "Role.AssumeRolePolicyDocument.Statement.0.Condition"
            ),
        },
    ),
    *caught(
        "rules every_role_is_bounded",
        KEYED,
        {
            "a role out of bounds": drop("DispatchRetriesRole.PermissionsBoundary"),
        },
    ),
    *caught(
        "rules every_role_is_bounded",
        SCALED,
        {
            "an endpoint's role out of bounds": drop("Role.PermissionsBoundary"),
        },
    ),
    *caught(
        "access matrix",
        STUDIO,
        {
            "people who read what producers send": put(
                "ScientistRole#WorkWithData.Resource", sub("arn:${AWS::Partition}:s3:::${Bucket}/*")
            ),
            "training jobs that read results": put(
                "TrainingRole#WorkWithData.Resource", sub("arn:${AWS::Partition}:s3:::${Bucket}/v1/*")
            ),
        },
    ),
)
