"""Flaws of the customer's key: who may use it, and what is not under it."""

from __future__ import annotations

from tests.infra.flaws.planting import (
    KEYED,
    SCALED,
    STUDIO,
    Flaw,
    caught,
    drop,
    put,
    sub,
    turn_off,
)

FLAWS: tuple[Flaw, ...] = (
    *caught(
        "rules keys_rotate_and_wait",
        KEYED,
        {
            "a key that never changes": turn_off("Key.EnableKeyRotation"),
            "a key that is gone in a week": put("Key.PendingWindowInDays", 7),
        },
    ),
    *caught(
        "control-tower kms_key_rotation_enabled_check",
        KEYED,
        {
            "a key that never changes, seen by AWS's control": drop("Key.EnableKeyRotation"),
        },
    ),
    *caught(
        "rules keys_open_to_no_one_but_bound_services",
        KEYED,
        {
            "a key for everybody": put("Key#LetTheAccountsPoliciesDecide.Principal", "*"),
            "a key for topics of any account": drop("Key#DeliverToQueues.Condition"),
            "a key for rules that name no source": put(
                "Key#SoundAlarms.Principal", {"Service": "events.amazonaws.com"}
            ),
        },
    ),
    *caught(
        "checkov CKV_AWS_33",
        KEYED,
        {
            "a key for everybody, seen by another": put("Key#LetTheAccountsPoliciesDecide.Principal", {"AWS": "*"}),
        },
    ),
    *caught(
        "rules keys_are_granted_on_to_services_only",
        KEYED,
        {
            "a key that anybody grants on": put("Key#GrantToServicesOnly.Effect", "Allow"),
        },
    ),
    *caught(
        "rules keys_let_the_services_work_that_have_no_role",
        KEYED,
        {
            "a key that SNS cannot use": put("Key#DeliverToQueues.Action", "kms:Decrypt"),
            "a key that alarms cannot use": put("Key#SoundAlarms.Action", "kms:GenerateDataKey"),
            "a key that logs in China cannot use": put(
                "Key#KeepLogs.Principal", {"Service": sub("logs.${AWS::Region}.amazonaws.com")}
            ),
        },
    ),
    *caught(
        "rules grants_of_the_key_are_bound_to_services",
        KEYED,
        {
            "a key used outside the data's services": drop("CollectResultsRole#UseKey.Condition"),
        },
    ),
    *caught(
        "access key",
        KEYED,
        {
            "a function without the key": put("DispatchRetriesRole#UseKey.Action", "kms:Decrypt"),
            "a reader that encrypts": put("ReaderPolicy#UseKey.Action", ["kms:Decrypt", "kms:GenerateDataKey"]),
        },
    ),
    *caught(
        "access key",
        SCALED,
        {
            "an endpoint without the key": put(
                "Role#UseKey.Condition", {"StringLike": {"kms:ViaService": [sub("s3.${AWS::Region}.amazonaws.com*")]}}
            ),
        },
    ),
    *caught(
        "rules everything_kept_is_under_the_key",
        KEYED,
        {
            "a topic without the key": drop("ResultsTopic.KmsMasterKeyId"),
            "a queue without the key": drop("RetriesDeadLetterQueue.KmsMasterKeyId"),
            "logs without the key": drop("HandleFailuresLogGroup.KmsKeyId"),
            "an environment without the key": drop("HandleFailures.KmsKeyArn"),
            "a ledger without the key": drop("LedgerTable.SSESpecification.KMSMasterKeyId"),
        },
    ),
    *caught(
        "rules everything_kept_is_under_the_key",
        SCALED,
        {
            "outputs without the key": drop("EndpointConfig.AsyncInferenceConfig.Fn::If.1.OutputConfig.KmsKeyId"),
            "disks without the key": drop("EndpointConfig.KmsKeyId"),
        },
    ),
    *caught(
        "rules everything_kept_is_under_the_key",
        STUDIO,
        {
            "home directories without the key": drop("Domain.KmsKeyId"),
        },
    ),
    *caught(
        "access key",
        STUDIO,
        {
            "a training job without the key": put("TrainingRole#UseKey.Action", "kms:Decrypt"),
        },
    ),
    *caught(
        "control-tower s3_bucket_default_encryption_kms_check",
        KEYED,
        {
            "a bucket without the key": put(
                "Bucket.BucketEncryption",
                {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
            ),
        },
    ),
)
