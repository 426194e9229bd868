"""Broken programs say what stands beside them, through the command as a user calls it.

Those of `corpus/syntax/broken` name a message beside its line, those of `corpus/check` below the program with its place.
"""

import json
import os
import re

from checks import ROOT, Layer, command_line, fec

LEAST = 60
BESIDE = re.compile(r"// (error|warning)\[([EW]\d{4})\]: (.*)$")
BELOW = re.compile(r"^// (error|warning)\[([EW]\d{4})\] (\d+):(\d+): (.*)$")
# A file of 4 GiB; one that is no text, which the layer `verbs` holds; nesting, which the robustness tests hold; a defect of the compiler, which no program is known to reach;
# a warning of `compile`, which its layer holds.
WITHOUT_PROGRAM = {"E0008", "E0010", "E0107", "E0990", "W0002"}
layer = Layer("corpus")


def expected(text):
    """(line, severity, code, message) of each expected message."""
    found = []
    above = 0
    for number, line in enumerate(text.splitlines(), 1):
        if below := BELOW.match(line):
            found.append((int(below[3]), below[1], below[2], below[5].rstrip()))
            continue
        beside = BESIDE.search(line)
        if not beside or line[: beside.start()].strip():
            above = number
        if beside:
            found.append((above, beside[1], beside[2], beside[3].rstrip()))
    return found


def shown(done):
    """(line, severity, code, message) of each message that was given."""
    found = json.loads(done.stdout)["diagnostics"]
    return [(entry["start"]["line"], entry["severity"], entry["code"], entry["message"]) for entry in found]


def main():
    os.chdir(ROOT)
    programs = sorted([*ROOT.glob("tests/corpus/syntax/broken/*.asol"), *ROOT.glob("tests/corpus/check/*.asol")])
    told = {program: expected(program.read_text(encoding="utf-8")) for program in programs}
    silent = [str(program.relative_to(ROOT)) for program in programs if not told[program]]
    layer.check(f"at least {LEAST} broken programs have their messages", len(programs) - len(silent) >= LEAST, f"there are {len(programs)}")
    layer.equal("a broken program without a message is none", silent, [])
    several = sum(len(told[program]) > 1 for program in programs)
    layer.check("several mistakes in one file are reported in one run", several >= 10, f"in {several} files")
    for program in programs:
        name = program.relative_to(ROOT)
        done = fec("check", name, "--format", "json")
        errors = any(severity == "error" for _, severity, _, _ in told[program])
        fine = done.returncode == (1 if errors else 0) and "panicked" not in done.stderr
        missing = [wanted for wanted in told[program] if wanted not in shown(done)] if fine else told[program]
        layer.check(f"{name}", fine and not missing, f"exit {done.returncode}, missing {missing}", command_line(done))
    for program in sorted(ROOT.glob("tests/corpus/check/good/*.asol")):
        done = fec("check", program.relative_to(ROOT), "--format", "json")
        layer.check(f"{program.relative_to(ROOT)} is right", done.returncode == 0 and shown(done) == [], done.stdout[:400], command_line(done))
    for program in sorted(ROOT.glob("tests/corpus/check/later/*.asol")):
        done = fec("check", program.relative_to(ROOT), "--format", "json")
        codes = {code for _, _, code, _ in shown(done)} if done.returncode == 1 else set()
        layer.equal(f"{program.relative_to(ROOT)} is not there yet, and nothing else", codes, {"E0900"}, command_line(done))
    used = {code for messages in told.values() for _, _, code, _ in messages}
    registry = (ROOT / "compiler/diagnostics/src/codes.rs").read_text(encoding="utf-8")
    codes = set(re.findall(r"^    ([EW]\d{4}) \"", registry, re.MULTILINE))
    layer.equal("each code has a program that meets it", sorted(codes - used - WITHOUT_PROGRAM), [])


main()
