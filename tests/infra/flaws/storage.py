"""Flaws of the bucket, the ledger and what they hold."""

from __future__ import annotations

from tests.infra.flaws.planting import (
    KEYED,
    ROOT,
    Flaw,
    arn,
    caught,
    drop,
    put,
    ref,
    sub,
    turn_off,
)

FLAWS: tuple[Flaw, ...] = (
    *caught(
        "rules everything_refuses_plain_http",
        ROOT,
        {
            "a bucket's objects over plain HTTP": put("BucketPolicy#DenyInsecureTransport.Resource", arn("Bucket")),
        },
    ),
    *caught(
        "control-tower s3_bucket_policy_ssl_requests_only_check",
        ROOT,
        {
            "a bucket over plain HTTP, seen by AWS's control": put(
                "BucketPolicy#DenyInsecureTransport.Action", "s3:Get*"
            ),
        },
    ),
    *caught(
        "rules buckets_are_private_and_keep_versions",
        ROOT,
        {
            "a bucket open to the world": drop("Bucket.PublicAccessBlockConfiguration"),
            "a bucket with ACLs": put("Bucket.OwnershipControls.Rules", [{"ObjectOwnership": "ObjectWriter"}]),
            "a bucket without versions": put("Bucket.VersioningConfiguration", {"Status": "Suspended"}),
        },
    ),
    *caught(
        "checkov CKV_AWS_54",
        ROOT,
        {
            "a bucket whose policy may be public": turn_off("Bucket.PublicAccessBlockConfiguration.BlockPublicPolicy"),
        },
    ),
    *caught(
        "rules services_send_only_for_one_source",
        ROOT,
        {
            "a bucket that anybody reads": put("BucketPolicy#DenyCallersOwnKeys.Effect", "Allow"),
        },
    ),
    *caught(
        "rules data_at_rest_is_encrypted",
        ROOT,
        {
            "an unencrypted bucket": drop("Bucket.BucketEncryption"),
            "an unencrypted ledger": drop("LedgerTable.SSESpecification"),
            "an unencrypted queue": turn_off("ResultsDeadLetterQueue.SqsManagedSseEnabled"),
        },
    ),
    *caught(
        "rules objects_expire",
        ROOT,
        {
            "objects kept for ever": drop("Bucket.LifecycleConfiguration"),
            "old versions kept for ever": drop("Bucket.LifecycleConfiguration.Rules.3"),
            "unfinished uploads kept for ever": drop("Bucket.LifecycleConfiguration.Rules.4"),
            "a lifecycle that is switched off": put("Bucket.LifecycleConfiguration.Rules.1.Status", "Disabled"),
        },
    ),
    *caught(
        "rules only_the_endpoint_writes_what_the_model_says",
        ROOT,
        {
            "outputs that anybody forges": put(
                "BucketPolicy#DenyForgedOutputs.Resource", sub("${Bucket.Arn}/v1/outputs/*")
            ),
        },
    ),
    *caught(
        "rules objects_are_locked_with_no_foreign_key",
        ROOT,
        {
            "objects under a caller's key": put(
                "BucketPolicy#DenyCallersOwnKeys.Condition", {"Bool": {"aws:SecureTransport": "false"}}
            ),
            "objects under a foreign key": put("BucketPolicy#DenyForeignKeys.Resource", sub("${Bucket.Arn}/v1/jobs/*")),
        },
    ),
    *caught(
        "rules data_outlives_the_stack",
        ROOT,
        {
            "a bucket that goes with the stack": put("Bucket!UpdateReplacePolicy", "Delete"),
            "a ledger that goes with the stack": drop("LedgerTable!DeletionPolicy"),
        },
    ),
    *caught(
        "rules data_outlives_the_stack",
        KEYED,
        {
            "a key that goes with the stack": put("Key!DeletionPolicy", "Delete"),
        },
    ),
    *caught(
        "rules tables_can_be_restored_and_forget",
        ROOT,
        {
            "a ledger that cannot be protected from a click": drop("LedgerTable.DeletionProtectionEnabled"),
            "a ledger that cannot be restored": drop("LedgerTable.PointInTimeRecoverySpecification"),
            "a ledger that never forgets": turn_off("LedgerTable.TimeToLiveSpecification.Enabled"),
            "a ledger that costs at rest": put("LedgerTable.BillingMode", "PROVISIONED"),
        },
    ),
    *caught(
        "checkov CKV_AWS_28",
        ROOT,
        {
            "a ledger that cannot be restored, seen by another": drop("LedgerTable.PointInTimeRecoverySpecification"),
        },
    ),
    *caught(
        "cfn-lint E3039",
        ROOT,
        {
            "an index on an attribute that is not declared": drop("LedgerTable.AttributeDefinitions.5"),
        },
    ),
    *caught(
        "rules the_ledger_costs_no_more_than_was_said",
        KEYED,
        {
            "a ledger without the bound that was asked for": drop("LedgerTable.OnDemandThroughput"),
        },
    ),
    *caught(
        "rules access_to_the_bucket_is_logged",
        KEYED,
        {
            "a bucket whose readers nobody writes down": drop("Bucket.LoggingConfiguration"),
        },
    ),
    *caught(
        "cfn-lint E3030",
        ROOT,
        {
            "a retention that does not exist": put("CollectResultsLogGroup.RetentionInDays", 42),
        },
    ),
    *caught(
        "rules nothing_is_named_by_hand",
        ROOT,
        {
            "a table named by hand": put("LedgerTable.TableName", sub("${AWS::StackName}-ledger")),
            "a queue named by hand": put("ResultsQueue.QueueName", "results"),
        },
    ),
    *caught(
        "rules partitions_are_not_spelt_out",
        ROOT,
        {
            "a bucket in one partition": put(
                "CollectResultsRole#ReadOutputs.Resource", sub("arn:aws:s3:::${Bucket}/v1/outputs/*")
            ),
            "an address in one partition": put(
                "ResultsSubscription.Endpoint", "https://sqs.eu-west-1.amazonaws.com/1/x"
            ),
            "an account written out": put(
                "CollectResultsRole#ConsumeSucceeded.Resource",
                sub("arn:${AWS::Partition}:sqs:${AWS::Region}:123456789012:x"),
            ),
        },
    ),
    *caught(
        "validate F3002",
        ROOT,
        {
            "a property that does not exist": put("Bucket.VersionConfiguration", {"Status": "Enabled"}),
        },
    ),
    *caught(
        "cfn-lint E1020",
        ROOT,
        {
            "a reference to nothing": put("ResultsSubscription.TopicArn", ref("ResultTopic")),
        },
    ),
)
