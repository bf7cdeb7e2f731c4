"""Where things are, and how a tool is run."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

# A check of files takes seconds; a tool that hangs is stuck.
TIMEOUT_S = 120


class Refused(Exception):
    """A tool ended with an error; the text is what it printed."""


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Its standard output. Raises Refused with all that it printed when it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S, check=False,
    )
    if done.returncode != 0:
        raise Refused(f"{done.stdout}{done.stderr}".strip() or f"exit code {done.returncode}")
    return done.stdout


def problems_of(*command: str | Path, cwd: Path = ROOT) -> list[str]:
    """What a tool complains about, line by line."""
    try:
        run(*command, cwd=cwd)
    except Refused as refusal:
        return str(refusal).splitlines()
    return []
