import subprocess
import sys
from pathlib import Path

from tailrace_local.demo import demand
from tailrace_local.demo.demand import Demand


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    output = tmp_path / "demand.csv"
    command = [sys.executable, "-m", "tailrace_local.demo.demand", "--rows", "9000", "--seed", "5", "--bad", "0.1"]
    subprocess.run([*command, "--output", str(output)], check=True, timeout=60)
    piped = subprocess.run([*command, "--output", "-"], check=True, timeout=60, stdout=subprocess.PIPE).stdout
    assert output.read_bytes() == piped == b"".join(demand.chunks(Demand(rows=9000, seed=5, bad=0.1)))


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = [sys.executable, "-m", "tailrace_local.demo.demand", "--size", "1TB", "--output", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(100_000)
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def test_settings_that_make_no_sense_end_with_2_and_a_reason() -> None:
    command = [sys.executable, "-m", "tailrace_local.demo.demand", "--rows", "-5", "--output", "-"]
    ended = subprocess.run(command, check=False, timeout=60, capture_output=True)
    assert ended.returncode == 2
    assert b"rows is -5" in ended.stderr
