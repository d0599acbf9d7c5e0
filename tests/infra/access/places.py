"""Places to deploy a stack, and the names that AWS would give to its resources."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A region of a partition, and an account."""

    partition: str = "aws"
    region: str = "eu-west-1"
    suffix: str = "amazonaws.com"
    account: str = "123456789012"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of the account here."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def identity(self, resource: str) -> str:
        """The ARN of a role, a user or a policy, which belong to no region."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    def pseudo(self, name: str, stack: str) -> str | None:
        """A pseudo parameter's value."""
        return {
            "AWS::AccountId": self.account,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.arn("cloudformation", f"stack/{stack}/0a1b2c3d"),
            "AWS::StackName": stack,
            "AWS::URLSuffix": self.suffix,
        }.get(name)

    def physical(self, kind: str, name: str, attribute: str) -> str:
        """Return the value of Ref (no attribute) or GetAtt for a resource that CloudFormation named."""
        small = name.lower()
        if kind == "Custom::ModelSource":
            return self._model_source(attribute)
        arn, ref = {
            "AWS::Events::Rule": (self.arn("events", f"rule/{name}"), name),
            "AWS::DynamoDB::Table": (self.arn("dynamodb", f"table/{name}"), name),
            "AWS::IAM::ManagedPolicy": (self.identity(f"policy/{name}"), ""),
            "AWS::IAM::Role": (self.identity(f"role/{name}"), name),
            "AWS::KMS::Key": (self.arn("kms", f"key/{small}"), small),
            "AWS::Lambda::Function": (self.arn("lambda", f"function:{name}"), name),
            "AWS::Logs::LogGroup": (self.arn("logs", f"log-group:{name}:*"), name),
            "AWS::S3::Bucket": (f"arn:{self.partition}:s3:::{small}", small),
            "AWS::SageMaker::Endpoint": (self.arn("sagemaker", f"endpoint/{small}"), ""),
            "AWS::StepFunctions::StateMachine": (self.arn("states", f"stateMachine:{name}"), ""),
            "AWS::SNS::Topic": (self.arn("sns", name), ""),
            "AWS::SQS::Queue": (
                self.arn("sqs", name),
                f"https://sqs.{self.region}.{self.suffix}/{self.account}/{name}",
            ),
        }.get(kind, (f"{name}.{attribute or 'Ref'}", ""))
        if attribute == "Arn":
            return arn
        return small if attribute else ref or arn

    def _model_source(self, attribute: str) -> str:
        """Return ProvideModel's answer for a model of one container."""
        return {
            "Digest": "0a1b2c3d",
            "ModelDataArns": f"arn:{self.partition}:s3:::models/demand/model.tar.gz",
            "RepositoryArns": self.arn("ecr", "repository/models/demand"),
            "ScoringConcurrency": "4",
        }[attribute]


IRELAND, BEIJING = Place(), Place("aws-cn", "cn-north-1", "amazonaws.com.cn")
