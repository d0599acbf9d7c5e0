"""Models and endpoint configurations as the control plane stores them, and their parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

SUCCESS_TOPIC = "SUCCESS_NOTIFICATION_TOPIC"
ERROR_TOPIC = "ERROR_NOTIFICATION_TOPIC"


@dataclass(frozen=True)
class Container:
    """One container of a model."""

    image: str
    model_data_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, definition: Mapping[str, Any]) -> "Container":
        """Read a ContainerDefinition."""
        source = definition.get("ModelDataSource", {}).get("S3DataSource", {})
        return cls(
            definition.get("Image", ""),
            definition.get("ModelDataUrl") or source.get("S3Uri"),
            dict(definition.get("Environment", {})),
        )


@dataclass(frozen=True)
class Record:
    """A resource and the request that created it. `created_s` is seconds since the epoch."""

    name: str
    arn: str
    request: Mapping[str, Any]
    created_s: float


@dataclass(frozen=True)
class Model(Record):
    """A model: one container, or several in series."""

    @property
    def role_arn(self) -> str:
        """The execution role.

        It downloads the model's data and, behind an endpoint, makes every call to AWS.
        """
        return str(self.request.get("ExecutionRoleArn", ""))

    @property
    def containers(self) -> tuple[Container, ...]:
        """The containers, in the order in which they are called."""
        if "PrimaryContainer" in self.request:
            return (Container.read(self.request["PrimaryContainer"]),)
        return tuple(Container.read(definition) for definition in self.request.get("Containers", ()))


@dataclass(frozen=True)
class ServerlessSettings:
    """A ProductionVariantServerlessConfig. Without provisioned concurrency, it is 0."""

    memory_mb: int
    max_concurrency: int
    provisioned: int = 0

    @classmethod
    def read(cls, definition: Mapping[str, Any]) -> "ServerlessSettings":
        """Read a ServerlessConfig."""
        return cls(
            definition["MemorySizeInMB"], definition["MaxConcurrency"], definition.get("ProvisionedConcurrency", 0)
        )

    def with_provisioned(self, provisioned: int) -> "ServerlessSettings":
        """Return the same settings with another provisioned concurrency."""
        return replace(self, provisioned=provisioned)

    def updated(self, changes: Mapping[str, Any]) -> "ServerlessSettings":
        """Return the settings after a ServerlessUpdateConfig."""
        return replace(
            self,
            max_concurrency=changes.get("MaxConcurrency", self.max_concurrency),
            provisioned=changes.get("ProvisionedConcurrency", self.provisioned),
        )

    def shown(self) -> dict[str, int]:
        """Return the settings as the API describes them."""
        shown = {"MemorySizeInMB": self.memory_mb, "MaxConcurrency": self.max_concurrency}
        return shown | ({"ProvisionedConcurrency": self.provisioned} if self.provisioned else {})


@dataclass(frozen=True)
class Variant:
    """A production variant.

    Attributes:
        initial_count: the instances; of a serverless variant, its provisioned concurrency.
        serverless: the serverless settings, or None for a variant of instances.
    """

    name: str
    model_name: str
    instance_type: str
    initial_count: int
    weight: float
    startup_timeout_s: float | None
    download_timeout_s: float | None
    least_outstanding: bool = False
    serverless: ServerlessSettings | None = None

    @classmethod
    def read(cls, definition: Mapping[str, Any]) -> "Variant":
        """Read a ProductionVariant."""
        config = definition.get("ServerlessConfig")
        serverless = ServerlessSettings.read(config) if config else None
        return cls(
            definition["VariantName"],
            definition.get("ModelName", ""),
            definition.get("InstanceType", ""),
            serverless.provisioned if serverless else definition.get("InitialInstanceCount", 0),
            definition.get("InitialVariantWeight", 1.0),
            definition.get("ContainerStartupHealthCheckTimeoutInSeconds"),
            definition.get("ModelDataDownloadTimeoutInSeconds"),
            definition.get("RoutingConfig", {}).get("RoutingStrategy") == "LEAST_OUTSTANDING_REQUESTS",
            serverless,
        )


@dataclass(frozen=True)
class AsyncSettings:
    """An AsyncInferenceConfig. Paths are locations without a file name; topics are ARNs."""

    output_path: str
    failure_path: str | None
    success_topic: str | None
    error_topic: str | None
    include_response_in: frozenset[str]
    max_concurrent: int | None
    kms_key_id: str | None

    @classmethod
    def read(cls, definition: Mapping[str, Any]) -> "AsyncSettings":
        """Read a validated AsyncInferenceConfig."""
        output = definition["OutputConfig"]
        topics = output.get("NotificationConfig", {})
        return cls(
            output.get("S3OutputPath", ""),
            output.get("S3FailurePath"),
            topics.get("SuccessTopic"),
            topics.get("ErrorTopic"),
            frozenset(topics.get("IncludeInferenceResponseIn", ())),
            definition.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance"),
            output.get("KmsKeyId"),
        )

    @property
    def topics(self) -> tuple[str, ...]:
        """The success and error topics, without duplicates."""
        return tuple(dict.fromkeys(topic for topic in (self.success_topic, self.error_topic) if topic))


@dataclass(frozen=True)
class EndpointConfig(Record):
    """An endpoint configuration."""

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The production variants."""
        return tuple(Variant.read(definition) for definition in self.request["ProductionVariants"])

    @property
    def serverless(self) -> bool:
        """True if a variant is serverless."""
        return any(variant.serverless for variant in self.variants)

    @property
    def asynchronous(self) -> AsyncSettings | None:
        """The asynchronous settings, or None for a configuration that answers at once."""
        definition = self.request.get("AsyncInferenceConfig")
        return AsyncSettings.read(definition) if definition else None
