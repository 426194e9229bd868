"""`cargo test` over the workspace, each test counted; a failure names its crate and how to repeat it."""

import os
import re
import subprocess

from checks import SEED, counted, failed, passed, skipped, start

COMMAND = ["cargo", "test", "--release", "--workspace", "--no-fail-fast"]
if os.environ.get("FEC_SOAK"):
    # Tests that are too long for every run are `#[ignore = "reason"]`; a soak runs them too.
    COMMAND += ["--", "--include-ignored"]

SUITE = re.compile(r"^\s+Running (?:unittests )?(\S+) \(.*/deps/(.+)-[0-9a-f]{16}\)")
DOCS = re.compile(r"^\s+Doc-tests (\S+)")
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
TEST = re.compile(r"^test (.+?) \.\.\. (FAILED|ignored)(?:, (.*))?$")


def main():
    child = start(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    suite = "?"
    succeeded = bad = 0
    for line in child.stdout:
        print(line, end="", flush=True)
        if found := SUITE.match(line):
            suite = f"{found[2]} ({found[1]})"
        elif found := DOCS.match(line):
            suite = f"{found[1]} (docs)"
        elif found := TEST.match(line):
            name = f"unit: {suite}: {found[1]}"
            if found[2] == "FAILED":
                bad += 1
                failed(name, "see above", f"FEC_SEED={SEED} {' '.join(COMMAND[:4])} {found[1].split(' ')[0]}")
            else:
                skipped(name, found[3] or "ignored without a reason")
        elif found := RESULT.match(line):
            succeeded += int(found[1])
    code = child.wait()
    counted(succeeded)
    if code != 0 and bad == 0:
        failed("unit: the tests build and come to their end", f"cargo ended with {code}", " ".join(COMMAND))
    elif code == 0:
        passed("unit: cargo test ended well")


main()
