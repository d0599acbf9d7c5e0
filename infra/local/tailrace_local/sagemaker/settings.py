"""What one emulator is told when it is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True)
class ImageCommand:
    """The local command that stands for a container image.

    `{port}` and `{model_dir}` in an argument are replaced; both are in the environment too, as
    SAGEMAKER_BIND_TO_PORT and SM_MODEL_DIR. The command inherits PATH, HOME, LANG, TMPDIR and AWS_CA_BUNDLE, nothing
    else.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None


@dataclass(frozen=True)
class EmulatorSettings:
    """Where the emulator stands and how it behaves where AWS leaves a choice.

    Attributes:
        aws_endpoint_url: S3, SNS, STS, ECR, CloudWatch and its Logs are asked here.
        state_dir: holds processes/, logs/, models/ and spool/; the emulator makes it.
        images: image name, or a pattern with * and ?, to the command; the exact name wins, then the first match.
        access_key_id: identity that assumes the execution roles; the account's id if absent.
        allow_serial_pipelines: AWS does not list several containers behind an asynchronous endpoint; True runs them.
        default_concurrency: invocations at once on an instance when the configuration does not say.
        time_scale: a request's TTL and timeout are multiplied by this: 0.01 makes a TTL of 60 s pass in 0.6 s.
        notify_expired: whether a request that outlived its TTL reaches the error topic. AWS does not say; silence is
            the harder case for a client, so it is the default.
        require_content_length: AWS refuses a container's answer that does not state its length.
        startup_timeout_s: how long /ping may take to answer 200, unless the variant says.
        stop_timeout_s: how long a server has between SIGTERM and SIGKILL.
        payload_limit_bytes: largest input and output of an invocation.
        ask_registry: whether ECR is asked, as the execution role, if an image may be pulled; nothing is fetched.
        metrics_period_s: how often metrics are put; 0 puts none.
        logs_period_s: how often what model servers wrote is carried to CloudWatch Logs; 0 carries nothing.
    """

    region: str
    account_id: str
    aws_endpoint_url: str
    state_dir: Path
    images: Mapping[str, ImageCommand]
    access_key_id: str | None = None
    secret_access_key: str = "test"  # noqa: S105 - emulators take any secret
    allow_serial_pipelines: bool = False
    default_concurrency: int = 4
    time_scale: float = 1.0
    notify_expired: bool = False
    require_content_length: bool = True
    startup_timeout_s: float = 120.0
    stop_timeout_s: float = 30.0
    payload_limit_bytes: int = 1 << 30
    ask_registry: bool = False
    metrics_period_s: float = 10.0
    logs_period_s: float = 1.0
    transfer_threads: int = 16

    def command_for(self, image: str) -> ImageCommand | None:
        """The command for `image`, or None if the map has none."""
        if image in self.images:
            return self.images[image]
        return next((command for pattern, command in self.images.items() if fnmatchcase(image, pattern)), None)
