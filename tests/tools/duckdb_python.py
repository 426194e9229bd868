"""A Python that has DuckDB, in a virtual environment outside of the tree."""

import os
import pathlib
import subprocess
import venv

VERSION = "1.4"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "fec-tests"


def find():
    """Its path, or none and the reason; DuckDB is installed the first time."""
    folder = CACHE / f"duckdb-{VERSION}"
    python = folder / "bin" / "python"
    if not (folder / "complete").is_file():
        try:
            venv.create(folder, with_pip=True, clear=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return None, f"no virtual environment: {error}"
        done = subprocess.run([python, "-m", "pip", "install", "--quiet", f"duckdb>={VERSION}"], capture_output=True, text=True)
        if done.returncode != 0:
            return None, f"pip cannot install duckdb: {done.stderr.strip().splitlines()[-1:]}"
        (folder / "complete").touch()
    return python, ""
