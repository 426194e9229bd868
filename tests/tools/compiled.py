"""What the layers that judge `fec compile` share: solutions compiled for their targets, and foreign tools in a cache."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import venv

from checks import ROOT, fec, scratch

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "fec-tests"
# Solution, target.
SOLUTIONS = [("examples/fraud", "prod"), ("tests/solutions/flights", None), ("tests/solutions/names", "prod")]


def compiled(layer):
    """(name, folder) of each solution that compiles; what does not is reported."""
    found = []
    for solution, target in SOLUTIONS:
        out = scratch("compiled") / "out"
        done = fec("compile", ROOT / solution, "-o", out, *(["--target", target] if target else []))
        if layer.check(f"{solution} compiles", done.returncode == 0, done.stderr[-600:]):
            found.append((solution, out))
    return found


def tail(text):
    """The last line of what a tool said."""
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def cached(name, make):
    """A folder of the cache that `make` has filled; or none, and why not."""
    folder = CACHE / name
    if not (folder / "complete").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            make(folder)
        except subprocess.CalledProcessError as error:
            return None, f"`{' '.join(map(str, error.cmd))}` failed: {tail(error.stderr or error.stdout or '')}"
        except OSError as error:
            return None, str(error)
        (folder / "complete").touch()
    return folder, ""


def told(arguments, **options):
    """Runs a tool to its end, which must be a good one."""
    return subprocess.run(arguments, check=True, capture_output=True, text=True, **options)


def python_with(*packages):
    """A Python that has these packages, or none, and why not."""

    def make(folder):
        venv.create(folder, with_pip=True)
        told([folder / "bin/python", "-m", "pip", "install", "--quiet", *packages])

    number = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    folder, why = cached(f"python-{number}", make)
    return (folder / "bin/python", "") if folder else (None, why)


def go_tool(package, version):
    """A program that go has built, or none, and why not."""
    name = package.rsplit("/", 1)[-1]

    def make(folder):
        told(["go", "install", f"{package}@{version}"], env={**os.environ, "GOBIN": str(folder)})

    if not shutil.which("go"):
        return None, "`go` is not installed"
    folder, why = cached(f"{name}-{version}", make)
    return (folder / name, "") if folder else (None, why)
