"""Small faults turn the suite red: every patch applies, and some of them, chosen by the seed, are tried.

`FEC_MUTANTS` says how many are tried: a number, `all`, or names of patches separated by blanks.
A patch begins with `fault: …` (what is wrong) and `red: …` (the command that must fail).
"""

import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

from checks import ROOT, SEED, TARGET, Layer, start

layer = Layer("mutants")
# The copy has its own build folder: a mutated `fec` never lies where the real one does.
TREE = pathlib.Path(os.environ.get("FEC_MUTANTS_DIR", TARGET / "mutants")) / "tree"
BUILD = TREE.parent / "build"
LEAST = 20


def copy_tree():
    """Brings the copy to the state of the working tree. Files that differ get a new time, so that cargo builds them."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, cwd=ROOT, check=True)
    names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    wanted = set(names)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in wanted:
            path.unlink()
    for name in names:
        to, content = TREE / name, (ROOT / name).read_bytes()
        if not to.is_file() or to.read_bytes() != content:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content)
            shutil.copymode(ROOT / name, to)


def header(patch):
    """The fault and the command of a patch."""
    text = patch.read_text(encoding="utf-8")
    found = {key: re.search(rf"^{key}: (.+)$", text, re.MULTILINE) for key in ("fault", "red")}
    return {key: match[1].strip() for key, match in found.items() if match}


def apply(patch, *options):
    # The copy may lie below a repository, whose root would then be taken for the root of the patch.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(TREE.parent)}
    return subprocess.run(["git", "apply", *options, str(patch)], cwd=TREE, env=environment, capture_output=True, text=True)


def run(command):
    """Exit code and output of a command in the copy."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(BUILD), "PROPTEST_CASES": os.environ.get("PROPTEST_CASES", "256")}
    environment.pop("FEC_RESULTS", None)
    child = start(command.split(), cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    output, _ = child.communicate()
    return child.returncode, output


def is_red(code, output):
    """Whether tests failed, rather than the build."""
    return code != 0 and ("test result: FAILED" in output or "panicked at" in output)


def attempt(patch, baselines):
    name, told = patch.stem, header(patch)
    repeat = f"FEC_MUTANTS={name} tests/run mutants"
    command = told["red"]
    if command not in baselines:
        code, output = run(command)
        baselines[command] = code == 0
        layer.check(f"without a mutant, `{command}` is green", code == 0, output[-1500:], command)
    if not baselines[command]:
        return
    applied = apply(patch)
    if not layer.check(f"{name} applies in the copy", applied.returncode == 0, applied.stderr, repeat):
        return
    try:
        code, output = run(command)
    finally:
        apply(patch, "--reverse")
    layer.check(f"{name} ({told['fault']}) turns `{command}` red", is_red(code, output), output[-1500:], repeat)


def chosen(patches):
    wanted = os.environ.get("FEC_MUTANTS", "2")
    if wanted == "all":
        return patches
    if wanted.isdigit():
        return random.Random(SEED).sample(patches, min(int(wanted), len(patches)))
    names = set(wanted.split())
    return [patch for patch in patches if patch.stem in names]


def main():
    patches = sorted((ROOT / "tests/mutants").glob("*.patch"))
    layer.check(f"there are at least {LEAST} mutants", len(patches) >= LEAST, f"there are {len(patches)}")
    copy_tree()
    sound = []
    for patch in patches:
        found = apply(patch, "--check")
        described = set(header(patch)) == {"fault", "red"}
        if layer.check(f"{patch.stem} applies and says what it is", found.returncode == 0 and described, found.stderr or "it lacks `fault:` or `red:`", f"git apply --check {patch.relative_to(ROOT)}"):
            sound.append(patch)
    tried = chosen(sound)
    layer.check("some mutants are tried", tried, f"FEC_MUTANTS={os.environ.get('FEC_MUTANTS')} chooses none")
    print(f"seed {SEED} chooses {' '.join(patch.stem for patch in tried)}")
    baselines = {}
    for patch in tried:
        attempt(patch, baselines)


if __name__ == "__main__":
    sys.exit(main())
