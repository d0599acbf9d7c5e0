"""A SageMaker emulator: the control plane, real-time and asynchronous endpoints, in front of local model servers."""

from tailrace_local.sagemaker.cloudformation import ResourceError, ResourceHandlers
from tailrace_local.sagemaker.emulator import Emulator, build
from tailrace_local.sagemaker.errors import ApiError, EmulatorError
from tailrace_local.sagemaker.faults import Faults
from tailrace_local.sagemaker.settings import EmulatorSettings, ImageCommand

__all__ = [
    "ApiError",
    "Emulator",
    "EmulatorError",
    "EmulatorSettings",
    "Faults",
    "ImageCommand",
    "ResourceError",
    "ResourceHandlers",
    "build",
]
