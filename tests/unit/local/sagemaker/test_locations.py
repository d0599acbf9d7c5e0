import pytest

from tailrace_local.sagemaker.errors import StorageError
from tailrace_local.sagemaker.locations import Arns, ObjectLocation, join, resource_name


@pytest.mark.parametrize(
    "location",
    [
        "s3://bucket/a/b c.csv",
        "https://bucket.s3.eu-west-1.amazonaws.com/a/b%20c.csv",
        "https://bucket.s3.cn-north-1.amazonaws.com.cn/a/b%20c.csv",
        "https://bucket.s3.amazonaws.com/a/b%20c.csv",
        "https://s3.eu-west-1.amazonaws.com/bucket/a/b%20c.csv",
    ],
)
def test_all_ways_to_name_an_object_name_the_same(location: str) -> None:
    assert ObjectLocation.parse(location) == ObjectLocation("bucket", "a/b c.csv")


def test_an_s3_uri_is_not_url_encoded() -> None:
    assert ObjectLocation.parse("s3://bucket/50%25?#x").key == "50%25?#x"


@pytest.mark.parametrize("location", ["s3://bucket", "s3:///key", "bucket/key", "ftp://bucket/key", ""])
def test_what_names_no_object_is_an_error(location: str) -> None:
    with pytest.raises(StorageError, match="not the location of an S3 object"):
        ObjectLocation.parse(location)


@pytest.mark.parametrize(("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn")])
def test_arns_are_of_the_regions_partition(region: str, partition: str) -> None:
    arn = Arns(region, "123456789012").of("endpoint", "demand")
    assert arn == f"arn:{partition}:sagemaker:{region}:123456789012:endpoint/demand"
    assert resource_name(arn) == "demand"


def test_a_path_with_and_without_a_final_slash_are_the_same() -> None:
    assert join("s3://b/out/", "x.out") == join("s3://b/out", "x.out") == "s3://b/out/x.out"
