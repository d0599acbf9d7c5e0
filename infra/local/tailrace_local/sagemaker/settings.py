"""Settings of an emulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

RESPONSE_HEADERS_LIMIT_BYTES = 4096
REALTIME_LIMIT_BYTES = 6_291_456
SERVERLESS_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True)
class ImageCommand:
    """The local command that replaces a container image.

    `{port}` and `{model_dir}` in an argument are replaced; both are in the environment too, as
    SAGEMAKER_BIND_TO_PORT and SM_MODEL_DIR. The command inherits PATH, HOME, LANG, TMPDIR and
    AWS_CA_BUNDLE only.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None


@dataclass(frozen=True)
class EmulatorSettings:
    """Region, account, folders, and the behaviour that AWS does not document.

    Attributes:
        aws_endpoint_url: address of S3, SNS, STS, ECR, CloudWatch and CloudWatch Logs.
        state_dir: holds processes/, logs/, models/ and spool/; the emulator creates it.
        images: commands by image name, or by pattern with * and ?; the exact name wins, then the
            first match.
        training_command: trains AutoML jobs, with `--job FILE --output FOLDER` added; without it,
            their results are set from outside.
        training_image: the image that serves the models of this command.
        access_key_id: identity that assumes the execution roles; default the account id.
        allow_serial_pipelines: run several containers behind an asynchronous endpoint, which AWS
            does not list.
        default_concurrency: concurrent invocations of an instance, unless the configuration sets
            them.
        time_scale: factor on a request's TTL and timeout: with 0.01, a TTL of 60 s passes in 0.6 s.
        notify_expired: publish an expired request to the error topic. AWS does not document this;
            no notification is the harder case for a client, so it is the default.
        require_content_length: refuse a container's response without Content-Length, as AWS does.
        response_headers_limit_bytes: refuse a container's response with headers of this size or
            more in all, as AWS does.
        startup_timeout_s: time until /ping must answer 200, unless the variant sets it.
        stop_timeout_s: time between SIGTERM and SIGKILL for a server.
        payload_limit_bytes: upper limit for the input and the output of an asynchronous invocation.
        realtime_limit_bytes: the same for InvokeEndpoint. Its API model has 6,291,456 bytes; AWS's
            FAQ says 25 MB.
        serverless_limit_bytes: the same for InvokeEndpoint at a serverless endpoint.
        realtime_timeout_s: time in which the model has to answer InvokeEndpoint.
        serverless_cold_start_s: time until a server of a serverless endpoint starts, at the pace of
            alarms.
        serverless_idle_s: time without a request after which it stops, likewise. AWS documents
            neither.
        serverless_servers: upper limit of a serverless endpoint's servers; further concurrent
            requests share them.
        transform_startup_s: time until a transform job's instances start, at the pace of alarms.
        transform_stop_s: time until a job that stops has stopped, likewise.
        manifest_outputs_by_full_key: store the output of a manifest's entry under the object's
            whole key. AWS does not document it; the default is the entry as the manifest has it.
        ask_registry: check with ECR, as the execution role, that an image may be pulled; nothing is
            fetched.
        metrics_period_s: interval between metric publications; 0 publishes none.
        logs_period_s: interval at which model servers' logs are forwarded to CloudWatch Logs; 0
            forwards none.
    """

    region: str
    account_id: str
    aws_endpoint_url: str
    state_dir: Path
    images: Mapping[str, ImageCommand]
    training_command: ImageCommand | None = None
    training_image: str = ""
    access_key_id: str | None = None
    secret_access_key: str = "test"  # noqa: S105 - emulators take any secret
    allow_serial_pipelines: bool = False
    default_concurrency: int = 4
    time_scale: float = 1.0
    notify_expired: bool = False
    require_content_length: bool = True
    response_headers_limit_bytes: int = RESPONSE_HEADERS_LIMIT_BYTES
    startup_timeout_s: float = 120.0
    stop_timeout_s: float = 30.0
    payload_limit_bytes: int = 1 << 30
    realtime_limit_bytes: int = REALTIME_LIMIT_BYTES
    serverless_limit_bytes: int = SERVERLESS_LIMIT_BYTES
    realtime_timeout_s: float = 60.0
    serverless_cold_start_s: float = 5.0
    serverless_idle_s: float = 300.0
    serverless_servers: int = 4
    transform_startup_s: float = 10.0
    transform_stop_s: float = 1.0
    manifest_outputs_by_full_key: bool = False
    ask_registry: bool = False
    metrics_period_s: float = 10.0
    logs_period_s: float = 1.0
    transfer_threads: int = 16

    def command_for(self, image: str) -> ImageCommand | None:
        """Return the command for `image`, or None if `images` has none."""
        if image in self.images:
            return self.images[image]
        return next((command for pattern, command in self.images.items() if fnmatchcase(image, pattern)), None)
