"""`python -m tailrace_local`, the same as `tailrace local`."""

from tailrace_local.cli.application import app

if __name__ == "__main__":
    app(prog_name="tailrace local")
