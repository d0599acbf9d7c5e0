"""Image registries.

Local commands replace images, so nothing is fetched; ECR can check the role's permissions.
"""

import re

from botocore.exceptions import BotoCoreError, ClientError

from tailrace_local.sagemaker.adapters.aws import RoleClients, ThreadPool
from tailrace_local.sagemaker.errors import RoleError, StartError

_ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.[^/]+/(?P<repository>[^:@]+)(?:[:@].+)?")
_REFUSED = {"AccessDeniedException", "AccessDenied"}
# Any layer: no registry has the image.
_LAYER = "sha256:" + "0" * 64


class UncheckedRegistry:
    """Lets every role pull every image."""

    async def pull(self, role_arn: str, image: str) -> None:
        """Do nothing."""


class EcrRegistry:
    """Makes the calls of a pull to ECR, to check permissions.

    A missing repository or registry is no error.
    """

    def __init__(self, clients: RoleClients, threads: ThreadPool) -> None:
        self._clients = clients
        self._threads = threads

    async def pull(self, role_arn: str, image: str) -> None:
        """Raise StartError if the role may not pull the image.

        Images outside ECR need no permission.
        """
        if named := _ECR.fullmatch(image):
            await self._threads.run(self._ask, role_arn, image, named["account"], named["repository"])

    def _ask(self, role_arn: str, image: str, account: str, repository: str) -> None:
        of = {"registryId": account, "repositoryName": repository}
        for operation, asked in (
            ("get_authorization_token", {}),
            ("batch_get_image", {**of, "imageIds": [{"imageTag": "latest"}]}),
            ("batch_check_layer_availability", {**of, "layerDigests": [_LAYER]}),
            ("get_download_url_for_layer", {**of, "layerDigest": _LAYER}),
        ):
            try:
                getattr(self._clients.get(role_arn, "ecr"), operation)(**asked)
            except ClientError as error:
                if error.response["Error"]["Code"] in _REFUSED:
                    raise StartError(f"The role {role_arn} may not pull the image {image}: {error}") from error
            except BotoCoreError:
                continue
            except RoleError as error:
                raise StartError(str(error)) from error
