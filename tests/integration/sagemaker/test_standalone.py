import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import tailrace_local

from .cloud import ACCOUNT, REGION, Lab, RunningEmulator, settings


def test_the_command_serves_tells_its_address_and_ends_on_sigterm_with_its_model_servers(
    aws_url: str, tmp_path: Path
) -> None:
    server = Path(__file__).with_name("model_server.py")
    command = [
        sys.executable, "-m", "tailrace_local.sagemaker", "--aws-endpoint-url", aws_url, "--region", REGION,
        "--account-id", ACCOUNT, "--state-dir", str(tmp_path / "state"),
        "--image", f"*/doubler:*={sys.executable} {server}",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(tailrace_local.__file__).parents[1])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            running = RunningEmulator(settings(tmp_path / "unused", aws_url))
            running.url = told["url"]
            lab = Lab(running, aws_url)
            lab.invoke(lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config())), lab.put("1\n"))
            assert lab.success.next()["invocationStatus"] == "Completed"
            (record,) = (tmp_path / "state" / "processes").glob("*.json")
            assert json.loads(record.read_text())["what"] == "model-server"
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert list((tmp_path / "state" / "processes").iterdir()) == []
