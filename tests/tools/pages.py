"""The commands of the pages run as they stand there: every block of a page is typed, in order, into a copy of what it talks about."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.request

from checks import FEC, ROOT, TARGET, Layer, free_port, shown, start, wait_for

PAGES = ["README.md", "examples/fraud/README.md"]
# The copy has one place, and what is compiled lies where the layer `crates` has it: the runtime is built once.
COPY = TARGET / "compiled-solution"
OUT = COPY / "out"
BUILT = TARGET / "compiled"
# What calls this script is not called by it; what it is called with is looked at.
OWN = re.compile(r"tests/run( --quick)?$")
# Events for the page that says how to read one's own.
CLICKS = [{"user": "ann", "page": f"/{number}", "at": f"2026-01-01T00:00:{number:02d}Z"} for number in range(8)]
layer = Layer("pages")


def statements(block):
    """The commands of a block, each with all its lines and without its remark."""
    found, lines = [], []
    for line in block.splitlines():
        lines.append(line)
        text = "\n".join(lines)
        if text.strip() and not text.endswith("\\") and subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True).returncode == 0:
            found.append(re.sub(r"\s+#[^\n]*$", "", text).strip())
            lines = []
    return [statement for statement in found if statement and not statement.startswith("#")] + ["\n".join(lines)] * bool(lines)


def errors(text):
    """The end of what a command said, warnings of the compiler left out."""
    return "\n\n".join(part for part in text.split("\n\n") if not part.lstrip().startswith("warning["))[-900:]


def script(path, text):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


class Reader:
    """Who types the commands of a page: a folder, the tools that the page takes for granted, what serves by now."""

    def __init__(self, page):
        self.page, self.port = page, free_port()
        self.server, self.served, self.behind = None, None, []
        COPY.mkdir(parents=True, exist_ok=True)
        # What a wrong page has left there is in the way of the right one.
        for path in [*(path for path in COPY.iterdir() if path != OUT), OUT / "sinks", OUT / "dead"]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        shutil.copytree(ROOT / "examples", COPY / "examples", ignore=shutil.ignore_patterns(".fec"))
        for name, place in [("compiler", ROOT / "compiler"), ("target", TARGET)]:
            (COPY / name).symlink_to(place)
        (COPY / "clicks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in CLICKS), encoding="utf-8")
        tools = COPY / "tools"
        tools.mkdir()
        (tools / "fec").symlink_to(FEC)
        cargo = shutil.which("cargo")
        # This repository is built already, and the runtime of generated crates once for all layers.
        script(tools / "cargo", f"""#!/usr/bin/env bash
case "$*" in
  "run --release -- "*) shift 3; exec "{FEC}" "$@" ;;
  "install --path compiler/fec") [[ -f compiler/fec/Cargo.toml ]] ;;
  "build --release --locked") "{cargo}" "$@" --offline || exit; rm -rf target; ln -s "$CARGO_TARGET_DIR" target ;;
  *) exec "{cargo}" "$@" ;;
esac
""")
        script(tools / "curl", f'#!/usr/bin/env bash\nexec "{shutil.which("curl")}" --fail-with-body "$@"\n')
        self.env = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}", CARGO_TARGET_DIR=str(BUILT))

    def type(self, statement):
        """Runs one command to its end, or until it serves; gives what went wrong."""
        if OWN.fullmatch(statement):
            words = statement.split()[1:]
            done = subprocess.run(["bash", "tests/run", *words, "--list"], cwd=ROOT, capture_output=True, text=True, timeout=60)
            return None if done.returncode == 0 else done.stderr
        runs = re.search(r"(\bfec|--) run\b", statement) and "--once" not in statement
        serves = runs or (re.search(r"--port \d+$", statement) is not None)
        if serves or re.search(r"(\bfec|--) run\b", statement):
            # Two do not share a port, or a state.
            self.stop()
        if "localhost:" in statement and self.server is None and self.served is not None:
            # What the page has stopped for something else is there again.
            why = self.type(self.served)
            if why is not None:
                return why
        text = statement.replace("8080", str(self.port)) + (f" --port {self.port}" if runs else "")
        if serves:
            self.server, self.served = self.started(text), statement
            ready = wait_for(lambda: self.server.poll() is not None or self.answers("/readyz"), 240, 0.2)
            return None if ready and self.server.poll() is None else f"it does not serve: {self.said()}"
        if text.endswith("&"):
            self.behind.append(self.started(text.rstrip("& ")))
            return None
        # What a command assigns the next one has.
        kept = COPY / "tools/kept"
        whole = f'set -eo pipefail; set -a; [[ -f "{kept}" ]] && . "{kept}"\n{text}\nexport -p | grep -v " PATH=" > "{kept}"'
        done = subprocess.run(["bash", "-c", whole], cwd=COPY, env=self.env, capture_output=True, text=True, timeout=1800)
        if done.returncode != 0:
            return f"exit code {done.returncode}: {done.stdout[-300:]} {errors(done.stderr)}"
        return None if done.stdout or "curl" not in text else "no answer"

    def started(self, text):
        with open(COPY / "tools/said", "w", encoding="utf-8") as said:
            return start(["bash", "-c", f"exec {text}"], cwd=COPY, env=self.env, stdout=said, stderr=said)

    def said(self):
        return (COPY / "tools/said").read_text(encoding="utf-8")[-900:]

    def answers(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        """Ctrl-C."""
        if self.server is None:
            return
        self.server.send_signal(signal.SIGINT)
        try:
            code = self.server.wait(60)
        except subprocess.TimeoutExpired:
            code = None
        layer.equal(f"{self.page}: what serves ends with Ctrl-C", code, 0)
        self.server = None

    def left(self):
        """Ends what still runs."""
        self.stop()
        for child in self.behind:
            running = child.poll() is None
            layer.check(f"{self.page}: what was started with & still runs", running, self.said())
            child.send_signal(signal.SIGTERM)
            child.wait(60)
        built = OUT / "crates/target"
        if built.is_symlink():
            built.unlink()


def main():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.S | re.M)
        layer.check(f"{page} has commands", len(blocks) > 1, shown(blocks))
        reader = Reader(page)
        for statement in [one for block in blocks for one in statements(block)]:
            began = time.monotonic()
            why = reader.type(statement)
            layer.check(f"{page}: {statement.splitlines()[0]}", why is None, why)
            if time.monotonic() - began > 20:
                print(f"      took {time.monotonic() - began:.0f} s", flush=True)
        reader.left()


main()
