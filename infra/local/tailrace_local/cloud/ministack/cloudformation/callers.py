"""CloudFormation acts with its caller's permissions: each change of a resource asks IAM first.

Source: AWS's "Control access with IAM" of CloudFormation. A service role (RoleARN) is not followed:
a stack that is given one acts for the caller, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tailrace_local.cloud.iam.deployment_actions import DeploymentActions, Resource
from tailrace_local.cloud.ministack.patching import Patch

_STACKS = "ministack.services.cloudformation.stacks"
_PROVISIONERS = "ministack.services.cloudformation.provisioners"
_CORRECTS = "MiniStack creates, updates and deletes resources whatever its caller may do."
_WHY = "A deployer without a permission would succeed here and fail on AWS."
_UNTIL = "MiniStack checks the caller's permissions for each resource of a stack."
_CREATE = Patch(
    _PROVISIONERS,
    "_provision_resource(resource_type, logical_id, props, stack_name)",
    corrects=_CORRECTS,
    why=_WHY,
    until=_UNTIL,
    imported_by=(_STACKS,),
)
_UPDATE = Patch(
    _PROVISIONERS,
    "_update_resource(resource_type, physical_id, old_props, new_props, stack_name, logical_id, old_attrs)",
    corrects=_CORRECTS,
    why=_WHY,
    until=_UNTIL,
    imported_by=(_STACKS,),
)
_DELETE = Patch(
    _STACKS,
    "_delete_resource(resource_type, physical_id, props, stack_name, logical_id)",
    corrects=_CORRECTS,
    why=_WHY,
    until=_UNTIL,
)


class CallerPermissions(Protocol):
    """Decides what the caller of the current request may do."""

    def caller_refusal(self, action: str, resource: str, region: str, context: Mapping[str, str]) -> str | None:
        """Return why the caller may not; None when it may, and when nobody called."""
        ...


class DeployAsCaller:
    """Checks the caller's permissions before each change of a resource."""

    def __init__(self, callers: CallerPermissions, actions: DeploymentActions, *, region: str) -> None:
        self._callers = callers
        self._actions = actions
        self._region = region

    def install(self) -> None:
        """Check from now on.

        Has to come before other patches of deletions, which may postpone them.
        """
        _CREATE.wrap(self._create)
        _UPDATE.wrap(self._update)
        _DELETE.wrap(self._delete)

    def _create(self, original: Callable[..., Any], kind: str, logical_id: str, properties: Any, stack: str) -> Any:
        self._require("create", Resource(kind, stack, logical_id, properties))
        return original(kind, logical_id, properties, stack)

    def _update(
        self, original: Callable[..., Any], kind: str, physical_id: str, old: Any, new: Any, stack: str, *more: Any
    ) -> Any:
        if old != new:
            known = _as_on_aws(kind, physical_id)
            self._require("update", Resource(kind, stack, str(more[0] if more else ""), new, known))
        return original(kind, physical_id, old, new, stack, *more)

    def _delete(
        self,
        original: Callable[..., Any],
        kind: str,
        physical_id: str,
        properties: Any,
        stack: str = "",
        logical_id: str = "",
    ) -> Any:
        if physical_id:
            known = _as_on_aws(kind, physical_id)
            self._require("delete", Resource(kind, stack, logical_id, properties or {}, known))
        return original(kind, physical_id, properties, stack, logical_id)

    def _require(self, verb: str, resource: Resource) -> None:
        """Raise PermissionError, as the resource's handler reports AccessDenied."""
        for each in self._actions.needed(resource, verb):
            refusal = self._callers.caller_refusal(each.action, each.resource, self._region, each.context)
            if refusal:
                raise PermissionError(
                    f'Resource handler returned message: "{refusal}" (HandlerErrorCode: AccessDenied)'
                )


def _as_on_aws(kind: str, physical_id: str) -> str | None:
    """Return a physical id; None for a log group.

    AWS names it after its stack, MiniStack by a path.
    """
    return None if kind == "AWS::Logs::LogGroup" and physical_id.startswith("/") else physical_id
