"""Broken programs say what stands beside them, through the command as a user calls it."""

import json
import os
import re

from checks import ROOT, Layer, command_line, fec

LEAST = 60
EXPECTED = re.compile(r"// (error|warning)\[([EW]\d{4})\]: (.*)$")
layer = Layer("corpus")


def expected(text):
    """(line, severity, code, message) of each comment: of its own line, or of the one above where it stands alone."""
    found = []
    above = 0
    for number, line in enumerate(text.splitlines(), 1):
        comment = EXPECTED.search(line)
        if not comment or line[: comment.start()].strip():
            above = number
        if comment:
            found.append((above, comment[1], comment[2], comment[3].rstrip()))
    return found


def main():
    os.chdir(ROOT)
    programs = sorted(ROOT.glob("tests/corpus/**/broken/*.asol"))
    told = {program: expected(program.read_text(encoding="utf-8")) for program in programs}
    with_messages = [program for program in programs if told[program]]
    layer.check(f"at least {LEAST} broken programs have their messages", len(with_messages) >= LEAST, f"there are {len(with_messages)}")
    layer.check("a broken program without a message is none", len(with_messages) == len(programs), str(set(programs) - set(with_messages)))
    several = sum(len(told[program]) > 1 for program in programs)
    layer.check("several mistakes in one file are reported in one run", several >= 10, f"in {several} files")
    for program in programs:
        name = program.relative_to(ROOT)
        done = fec("check", name, "--format", "json")
        errors = any(severity == "error" for _, severity, _, _ in told[program])
        fine = done.returncode == (1 if errors else 0) and "panicked" not in done.stderr
        missing = told[program]
        if fine:
            found = json.loads(done.stdout)["diagnostics"]
            shown = [(entry["start"]["line"], entry["severity"], entry["code"], entry["message"]) for entry in found]
            missing = [wanted for wanted in missing if wanted not in shown]
        layer.check(f"{name}", fine and not missing, f"exit {done.returncode}, missing {missing}", command_line(done))
    used = {code for messages in told.values() for _, _, code, _ in messages}
    registry = (ROOT / "compiler/diagnostics/src/codes.rs").read_text(encoding="utf-8")
    codes = set(re.findall(r"^    ([EW]\d{4}) \"", registry, re.MULTILINE))
    # E0008 needs a file of 4 GiB; E0990 is a defect of the compiler, which no program is known to reach.
    layer.equal("each code has a program that meets it", sorted(codes - used - {"E0008", "E0990"}), [])


main()
