"""A SageMaker emulator in front of local model servers.

It has the control plane, endpoints of every kind, and transform jobs. Imports
`tailrace_local.emulator_base` and `tailrace_local.processes`, and nothing else of the local cloud.
"""

from tailrace_local.emulator_base.errors import ApiError, EmulatorError, ResourceError
from tailrace_local.emulator_base.resources import ResourceHandlers
from tailrace_local.sagemaker.emulator import Emulator, build
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks, ModelCall
from tailrace_local.sagemaker.fault_injection.plan import FaultPlan
from tailrace_local.sagemaker.fault_injection.planned_faults import PlannedFaults
from tailrace_local.sagemaker.settings import EmulatorSettings, ImageCommand

__all__ = [
    "ApiError",
    "Emulator",
    "EmulatorError",
    "EmulatorSettings",
    "FaultHooks",
    "FaultPlan",
    "ImageCommand",
    "ModelCall",
    "PlannedFaults",
    "ResourceError",
    "ResourceHandlers",
    "build",
]
