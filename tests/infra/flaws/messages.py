"""Flaws of queues, topics, subscriptions and what reads them."""

from __future__ import annotations

from tests.infra.flaws.planting import (
    ROOT,
    TICKS,
    Flaw,
    arn,
    caught,
    drop,
    put,
    ref,
    remove,
)

_TWICE = {"deadLetterTargetArn": arn("RetriesDeadLetterQueue"), "maxReceiveCount": 2}

_ANY = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}


FLAWS: tuple[Flaw, ...] = (
    *caught(
        "rules every_queue_has_a_dead_letter_queue_that_keeps_longer",
        ROOT,
        {
            "a queue without dead letters": drop("ParkedQueue.RedrivePolicy"),
            "a queue that keeps longer than its dead letters": put("ResultsQueue.MessageRetentionPeriod", 1209600),
            "dead letters kept for the default time": drop("FailedDeadLetterQueue.MessageRetentionPeriod"),
            "a message given up too soon": put("RetriesQueue.RedrivePolicy", _TWICE),
            "two queues with the same dead letters": put(
                "FailedQueue.RedrivePolicy.deadLetterTargetArn", arn("ParkedDeadLetterQueue")
            ),
        },
    ),
    *caught(
        "rules every_schedule_has_a_dead_letter_queue",
        TICKS,
        {
            "a schedule without dead letters": drop("Schedule.Target.DeadLetterConfig"),
            "a schedule that retries for a day": drop("Schedule.Target.RetryPolicy"),
        },
    ),
    *caught(
        "rules visibility_covers_the_function",
        ROOT,
        {
            "a message shown again while it is worked on": put("SucceededQueue.VisibilityTimeout", 719),
            "a function slower than its queue": put("DispatchRetries.Timeout", 61),
            "a batching window that visibility forgets": put("HandleFailuresFailed.MaximumBatchingWindowInSeconds", 1),
        },
    ),
    *caught(
        "rules readers_wait_for_messages",
        ROOT,
        {
            "short polling": drop("ResultsQueue.ReceiveMessageWaitTimeSeconds"),
        },
    ),
    *caught(
        "rules mappings_report_single_failures",
        ROOT,
        {
            "a bad message that fails its batch": drop("CollectResultsSucceeded.FunctionResponseTypes"),
        },
    ),
    *caught(
        "rules mappings_are_bounded",
        ROOT,
        {
            "a queue that takes all concurrency": drop("CollectResultsSucceeded.ScalingConfig"),
            "more batches than executions set aside": put("HandleFailures.ReservedConcurrentExecutions", 5),
        },
    ),
    *caught(
        "rules everything_refuses_plain_http",
        ROOT,
        {
            "a dead-letter queue over plain HTTP": remove("ParkedDeadLetterQueuePolicy"),
            "a topic over plain HTTP": put("FailedTopicPolicy#DenyInsecureTransport.Effect", "Allow"),
            "TLS asked of the wrong value": put(
                "FailedQueuePolicy#DenyInsecureTransport.Condition", {"Bool": {"aws:SecureTransport": "true"}}
            ),
            "TLS asked of one principal": put(
                "ParkedQueuePolicy#DenyInsecureTransport.Principal", {"AWS": ref("AWS::AccountId")}
            ),
        },
    ),
    *caught(
        "rules policies_stand_on_what_they_speak_of",
        ROOT,
        {
            "a policy on another queue": put("FailedQueuePolicy.Queues", [ref("SucceededQueue")]),
        },
    ),
    *caught(
        "rules services_send_only_for_one_source",
        ROOT,
        {
            "a queue open to every topic": drop("SucceededQueuePolicy#AllowTopic.Condition"),
            "a queue open to every topic of the account": put("ResultsQueuePolicy#AllowTopic.Condition", _ANY),
            "a queue open to everybody": put("ResultsQueuePolicy#AllowTopic.Principal", "*"),
        },
    ),
    *caught(
        "access matrix",
        ROOT,
        {
            "a queue that listens to the wrong topic": put(
                "SucceededQueuePolicy#AllowTopic.Condition", {"ArnEquals": {"aws:SourceArn": ref("FailedTopic")}}
            ),
            "an administrator who speaks for the model": put(
                "FailedTopicPolicy#DenyForgedNotifications.Action", "sns:Subscribe"
            ),
        },
    ),
    *caught(
        "rules subscriptions_can_deliver_and_lose_nothing",
        ROOT,
        {
            "a queue that lets its topic receive": put(
                "SucceededQueuePolicy#AllowTopic.Condition", {"ArnEquals": {"aws:SourceArn": ref("FailedTopic")}}
            ),
            "a subscription without dead letters": drop("FailedSubscription.RedrivePolicy"),
            "a subscription that wraps messages": drop("FailedSubscription.RawMessageDelivery"),
        },
    ),
    *caught(
        "rules topics_let_services_publish_only_for_this_account",
        ROOT,
        {
            "a topic open to services of any account": put("ResultsTopicPolicy#DenyInsecureTransport.Effect", "Allow"),
        },
    ),
    *caught(
        "rules topics_take_messages_only_from_named_roles",
        ROOT,
        {
            "a topic in which anybody is the endpoint": drop("FailedTopicPolicy#DenyForgedNotifications.Condition"),
            "a forgery allowed instead of denied": put("SucceededTopicPolicy#DenyForgedNotifications.Effect", "Allow"),
        },
    ),
    *caught(
        "rules what_goes_with_the_stack_says_so",
        ROOT,
        {
            "a queue that CloudFormation may replace unasked": drop("RetriesQueue!UpdateReplacePolicy"),
        },
    ),
    *caught(
        "cdk-nag AwsSolutions-SQS4",
        ROOT,
        {
            "TLS not asked of a queue, seen by another": remove("ParkedQueuePolicy"),
        },
    ),
    *caught(
        "cdk-nag AwsSolutions-SNS3",
        ROOT,
        {
            "TLS not asked of a topic, seen by another": remove("ResultsTopicPolicy"),
        },
    ),
)
