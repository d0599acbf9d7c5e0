"""ARNs and object locations."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import botocore.session

from tailrace_local.sagemaker.errors import StorageError

_VIRTUAL_HOST_PARTS = 2
_CONSOLES = {"aws-cn": "amazonaws.cn"}


@lru_cache
def partition_of(region: str) -> str:
    """Return the partition of a region, such as `aws` or `aws-cn`."""
    return str(botocore.session.get_session().get_partition_for_region(region))


@dataclass(frozen=True)
class Arns:
    """Makes the ARNs of one account and region."""

    region: str
    account_id: str

    def of(self, kind: str, name: str) -> str:
        """Return `arn:<partition>:sagemaker:<region>:<account>:<kind>/<name>`."""
        return f"arn:{partition_of(self.region)}:sagemaker:{self.region}:{self.account_id}:{kind}/{name}"

    def log_stream_group(self, endpoint: str) -> str:
        """Return the ARN of an endpoint's log group."""
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        return f"arn:{partition_of(self.region)}:logs:{self.region}:{self.account_id}:log-group:{group}"

    def log_page(self, endpoint: str) -> str:
        """Return the console's page of an endpoint's logs, as error messages name it."""
        host = f"https://{self.region}.console.{_CONSOLES.get(partition_of(self.region), 'aws.amazon.com')}"
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        return f"{host}/cloudwatch/home?region={self.region}#logEventViewer:group={group}"


def resource_name(arn: str) -> str:
    """Return the text after the last slash; a bare name stays as it is."""
    return arn.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class ObjectLocation:
    """A bucket and a key."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, location: str) -> "ObjectLocation":
        """Parse an `s3://` or `https://` location, in path or virtual-host style.

        Raises:
            StorageError: the location is not that of an S3 object.
        """
        parts = urlsplit(location)
        bucket, key = parts.netloc, location.partition("://")[2].partition("/")[2]
        if parts.scheme == "https":
            bucket, key = _from_https(parts.netloc, unquote(parts.path.lstrip("/")))
        if parts.scheme not in {"s3", "https"} or not bucket or not key:
            raise StorageError(f"{location}: not the location of an S3 object")
        return cls(bucket, key)


def _from_https(host: str, path: str) -> tuple[str, str]:
    labels = host.split(".s3", 1)
    if len(labels) == _VIRTUAL_HOST_PARTS and labels[0]:
        return labels[0], path
    bucket, _, key = path.partition("/")
    return bucket, key


def join(prefix: str, name: str) -> str:
    """Return `prefix/name` with one slash between them."""
    return f"{prefix.rstrip('/')}/{name}"
