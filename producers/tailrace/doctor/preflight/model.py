"""The model: its image in ECR and its data in S3."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tailrace.doctor.findings import Finding, cannot_tell, fail, ok, warn
from tailrace.doctor.preflight.plan import Plan
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import AccessDeniedError, NotFoundError, PermanentError

_IMAGE = re.compile(
    r"(?P<account>[0-9]{12})\.dkr\.ecr[a-z-]*\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/"
    r"(?P<repository>[^:@\s]+)(?::(?P<tag>[^@\s]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
_ACCEPTED = (
    _DOCKER,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
_GRAVITON = re.compile(r"ml\.[a-z]+[0-9]+g[a-z]*\.")
_BUILD = "docker buildx build --provenance=false --output type=docker --platform linux/{platform} --tag {image} ."
_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class _Image:
    account: str
    region: str
    repository: str
    identifier: dict[str, str]


def image(plan: Plan) -> Steps[list[Finding]]:
    """Require the image in the region, in a form and for a processor that the endpoint can run."""
    if not plan.image:
        return [ok("no image was named (--image)")]
    match = _IMAGE.fullmatch(plan.image)
    if match is None:
        return [fail(f"{plan.image} is not <account>.dkr.ecr.<region>.<suffix>/<repository>:<tag> or @sha256:<digest>")]
    identifier = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}
    named = _Image(match["account"], match["region"], match["repository"], identifier)
    if named.region != plan.region:
        advice = "push it to a repository in the region of the stack: SageMaker pulls from no other region"
        return [fail(f"{plan.image} is in {named.region}, the stack in {plan.region}", advice=advice)]
    try:
        answer = yield Call(
            "ecr",
            "batch_get_image",
            {
                "registryId": named.account,
                "repositoryName": named.repository,
                "imageIds": [named.identifier],
                "acceptedMediaTypes": list(_ACCEPTED),
            },
        )
    except AccessDeniedError:
        raise
    except PermanentError as error:
        return [fail(f"the repository {named.repository} is not there: {error}", command=_list(plan, named))]
    if not answer.get("images"):
        return [fail(f"the image {plan.image} is not there", command=_list(plan, named))]
    return (yield from _judged(plan, named, answer["images"][0]))


def _list(plan: Plan, named: _Image) -> str:
    return plan.commands.aws(
        "ecr", "list-images", "--registry-id", named.account, "--repository-name", named.repository
    )


def _judged(plan: Plan, named: _Image, found: dict[str, Any]) -> Steps[list[Finding]]:
    wanted = "arm64" if _GRAVITON.match(plan.instance_type) else "amd64"
    build = _BUILD.format(platform=wanted, image=plan.image)
    manifest = json.loads(found["imageManifest"])
    kind = found.get("imageManifestMediaType") or manifest.get("mediaType") or _DOCKER
    digest = found["imageId"].get("imageDigest", "")
    if "manifests" in manifest:
        seen = f"{plan.image} is an index of several images ({kind}), which SageMaker refuses"
        return [fail(seen, command=build, advice="build and push it for one platform, without attestations")]
    architecture = yield from _architecture(plan, named, manifest)
    if not architecture:
        return [cannot_tell(f"{plan.image} is there ({digest}); its processor cannot be read")]
    if architecture != wanted:
        seen = f"{plan.image} is for {architecture}, and {plan.instance_type} needs {wanted}"
        return [fail(seen, command=build)]
    if "oci" in kind:
        seen = f"{plan.image} has an OCI manifest ({kind}), which SageMaker refused when this was written (2025)"
        return [warn(seen, command=build, advice="push it in Docker's format")]
    return [ok(f"{digest}, {architecture}, in {named.region}")]


def _architecture(plan: Plan, named: _Image, manifest: dict[str, Any]) -> Steps[str]:
    """Return the processor that an image is for; empty when its configuration cannot be read."""
    answer = yield Call(
        "ecr",
        "get_download_url_for_layer",
        {
            "registryId": named.account,
            "repositoryName": named.repository,
            "layerDigest": manifest["config"]["digest"],
        },
    )
    try:
        return str(json.loads(plan.fetch(answer["downloadUrl"])).get("architecture", ""))
    except (OSError, ValueError):
        return ""


def data(plan: Plan) -> Steps[list[Finding]]:
    """Require the model's archive, in a bucket of the region."""
    if not plan.model_data:
        return [ok("no model data were named (--model-data)")]
    bucket, _, key = plan.model_data.removeprefix("s3://").partition("/")
    if not plan.model_data.startswith("s3://") or not key or not key.endswith(".tar.gz"):
        return [fail(f"{plan.model_data} is not s3://<bucket>/<key>.tar.gz", advice="pack it with tar czf")]
    try:
        found = yield Call("s3", "head_object", {"Bucket": bucket, "Key": key})
        place = yield Call("s3", "head_bucket", {"Bucket": bucket})
    except NotFoundError:
        command = plan.commands.aws("s3", "cp", "model.tar.gz", plan.model_data)
        return [fail(f"{plan.model_data} is not there", command=command)]
    region = place.get("BucketRegion") or plan.region
    if region != plan.region:
        advice = "copy it to a bucket in the region of the stack"
        return [fail(f"{plan.model_data} is in {region}, the stack in {plan.region}", advice=advice)]
    if found.get("StorageClass") in _ARCHIVED:
        seen = f"{plan.model_data} is archived ({found['StorageClass']}) and cannot be read"
        return [
            fail(
                seen,
                command=plan.commands.aws("s3", "cp", plan.model_data, plan.model_data, "--storage-class", "STANDARD"),
            )
        ]
    return [ok(f"{found['ContentLength']:,} bytes, in {region}")]
