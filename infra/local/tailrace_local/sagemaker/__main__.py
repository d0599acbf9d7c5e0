"""Runs the emulator on its own, in front of any S3, SNS and STS.

`python -m tailrace_local.sagemaker --help` lists its options.
"""

import argparse
import asyncio
import json
import logging
import shlex
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from tailrace_local.emulator_base.http_server import EmulatorServer
from tailrace_local.loopback import check_origin
from tailrace_local.private_files import write_private
from tailrace_local.sagemaker.clock import SystemClock
from tailrace_local.sagemaker.emulator import build
from tailrace_local.sagemaker.fault_injection.plan import FaultPlan
from tailrace_local.sagemaker.fault_injection.planned_faults import PlannedFaults
from tailrace_local.sagemaker.settings import REALTIME_LIMIT_BYTES, EmulatorSettings, ImageCommand


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m tailrace_local.sagemaker",
        description="A SageMaker emulator with endpoints and transform jobs, in front of local model servers.",
        epilog="example: --aws-endpoint-url http://127.0.0.1:5000 --image 'my-model:*=python serve.py'",
    )
    made.add_argument("--aws-endpoint-url", required=True, help="address of S3, SNS, STS and CloudWatch")
    made.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="IMAGE=COMMAND",
        help="command for an image; repeatable",
    )
    made.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for model servers; repeatable")
    made.add_argument("--host", default="127.0.0.1", help="requests must name 127.0.0.1 or localhost whatever it is")
    made.add_argument("--port", type=int, default=0, help="default 0: a free port")
    made.add_argument(
        "--allow-origin", action="append", default=[], metavar="ORIGIN", help="web pages that may call; repeatable"
    )
    made.add_argument("--region", default="us-east-1")
    made.add_argument("--account-id", default="000000000000")
    made.add_argument("--state-dir", type=Path, help="default: a temporary folder")
    made.add_argument("--time-scale", type=float, default=1.0, help="factor on TTLs and timeouts, such as 0.01")
    made.add_argument("--notify-expired", action="store_true", help="publish expired requests to the error topic")
    made.add_argument(
        "--allow-serial-pipelines", action="store_true", help="several containers behind asynchronous endpoints"
    )
    made.add_argument(
        "--realtime-limit", type=int, default=REALTIME_LIMIT_BYTES, metavar="BYTES", help="payload of InvokeEndpoint"
    )
    made.add_argument("--allow-chunked-answers", action="store_true", help="accept responses without Content-Length")
    made.add_argument("--faults", type=Path, metavar="PLAN.json", help="fault plan to follow from the start")
    made.add_argument("--metrics-period", type=float, default=10.0, metavar="SECONDS", help="0 publishes no metrics")
    return made


def read_settings(arguments: argparse.Namespace, state_dir: Path) -> EmulatorSettings:
    """Read the settings from the command line.

    Raises ValueError for an `--image` or `--env` without `=`.
    """
    environment = dict(_pair(text, "--env") for text in arguments.env)
    images = dict(_pair(text, "--image") for text in arguments.image)
    return EmulatorSettings(
        region=arguments.region,
        account_id=arguments.account_id,
        aws_endpoint_url=arguments.aws_endpoint_url,
        state_dir=state_dir,
        images={image: ImageCommand(shlex.split(command), environment) for image, command in images.items()},
        time_scale=arguments.time_scale,
        notify_expired=arguments.notify_expired,
        allow_serial_pipelines=arguments.allow_serial_pipelines,
        require_content_length=not arguments.allow_chunked_answers,
        realtime_limit_bytes=arguments.realtime_limit,
        metrics_period_s=arguments.metrics_period,
    )


def _pair(text: str, option: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise ValueError(f"{option} {text}: write NAME=VALUE")
    return name, value


def read_plan(path: Path | None) -> FaultPlan:
    """Read a fault plan; without a file, an empty one. Raises ValueError."""
    if path is None:
        return FaultPlan()
    try:
        return FaultPlan.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ValueError(f"--faults {path}: {error}") from error


async def serve(
    settings: EmulatorSettings, plan: FaultPlan, host: str, port: int, allowed_origins: Sequence[str] = ()
) -> None:
    """Serve until SIGTERM or SIGINT; write the address to stdout as one JSON object.

    The file `token` in the state directory holds the token for changes by the admin API.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    emulator = build(settings, faults=PlannedFaults(SystemClock(), plan))
    server = EmulatorServer(emulator, host, port, allowed_origins=allowed_origins)
    write_private(settings.state_dir / "token", server.token)
    try:
        await server.start()
        sys.stdout.write(json.dumps({"url": server.url, "state_dir": str(settings.state_dir)}) + "\n")
        sys.stdout.flush()
        await stopping.wait()
    finally:
        await server.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, 2 for a wrong command line."""
    made = parser()
    arguments = made.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    with tempfile.TemporaryDirectory(prefix="sagemaker-") as temporary:
        state_dir = (arguments.state_dir or Path(temporary)).absolute()
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            settings, plan = read_settings(arguments, state_dir), read_plan(arguments.faults)
            origins = [check_origin(origin) for origin in arguments.allow_origin]
        except ValueError as error:
            made.error(str(error))
        asyncio.run(serve(settings, plan, arguments.host, arguments.port, origins))
    return 0


if __name__ == "__main__":
    sys.exit(main())
