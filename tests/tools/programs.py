"""Random programs compiled: what their binaries write and answer is what `fec run` writes and answers, also after kills."""

import concurrent.futures
import csv
import json
import os
import random
import re
import shutil
import subprocess
import time

from checks import FEC, ROOT, SEED, TARGET, Layer, fec, killed_at_random, scratch, shown
from server import Server

KILLS = int(os.environ.get("FEC_KILLS", "4"))
FIRST = int(os.environ.get("FEC_ONE_ANSWER", SEED))
# Programs whose crates are built together.
TOGETHER = int(os.environ.get("FEC_COMPILED", "50"))
ROUNDS = 10 if os.environ.get("FEC_SOAK") else 1
# The workspace of all: the runtime is built once, and is there the next time.
TOGETHER_IN = TARGET / "compiled-programs"
BUILT = TARGET / "compiled"
layer = Layer("crates")


def files(folder):
    """The bytes of everything below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Program:
    """A random program, compiled: its crates stand in the workspace under names of their own."""

    def __init__(self, seed, base):
        self.seed, self.folder, self.out = seed, base / f"program-{seed}", base / f"compiled-{seed}"
        subprocess.run([TARGET / "release/examples/random", str(seed), self.folder], check=True, timeout=60)
        done = fec("compile", self.folder, "-o", self.out)
        self.wrong = None if done.returncode == 0 else f"fec compile: {done.stderr[-600:]}"
        self.jobs, self.workers, self.services, self.packages = [], [], [], []
        self.rows, self.answers = 0, 0

    def lay(self, crates):
        """Puts its own crates beside those of the others; gives their names."""
        shared = [path.parent for path in sorted((self.out / "crates").glob("*/src/lib.rs"))]
        for crate in sorted(path.parent.parent for path in (self.out / "crates").glob("*/src/*.rs") if path.stem in ("lib", "main")):
            package = f"p{self.seed}-{crate.name}"
            text = (crate / "Cargo.toml").read_text(encoding="utf-8")
            binary = re.search(r'\[\[bin\]\]\nname = "([^"]*)"', text)
            text = text.replace(f'name = "{crate.name}"', f'name = "{package}"', 1)
            if binary:
                text = text.replace(f'[[bin]]\nname = "{binary[1]}"', f'[[bin]]\nname = "{package}"')
            for lib in shared:
                name = lib.parent.name
                text = re.sub(rf'^{re.escape(name)} = .*$', f'{name} = {{ path = "../p{self.seed}-{name}", package = "p{self.seed}-{name}" }}', text, flags=re.M)
            copied(crate / "src", crates / package / "src")
            put(crates / package / "Cargo.toml", text.encode())
            main = crate / "src/main.rs"
            if main.exists():
                text = main.read_text(encoding="utf-8")
                kind = self.workers if "flow_launch::worker(" in text else self.jobs if "flow_launch::job(" in text else self.services
                kind.append(package)
            self.packages.append(package)
        return self.packages

    def run(self):
        """What differs between its binaries and `fec run`; nothing where they agree."""
        state, out = self.out / "state-run", self.out / "out-run"
        done = fec("run", self.folder, "--once", "--state", state, "--out", out)
        # A job with bad rows fails, and the streams go on.
        if done.returncode not in (0, 1):
            return f"fec run ended with {done.returncode}: {done.stderr[-600:]}"
        chance = random.Random(self.seed)
        wanted = files(out)
        self.rows = sum(text.count(b"\n") for text in wanted.values())
        for kills in (0, KILLS):
            own, own_state = self.out / f"out-{kills}", self.out / f"state-{kills}"
            wrong = self.written(own, own_state, kills, chance, done.returncode)
            got = files(own) if wrong is None else {}
            different = sorted(path for path in set(got) | set(wanted) if got.get(path) != wanted.get(path))
            if wrong or different:
                return wrong or f"after {kills} kills these files differ: {different}"
        return self.answered(state, self.out / f"state-{KILLS}")

    def written(self, out, state, kills, chance, code):
        """Lets each job and worker go to the end of its data; gives what went wrong. Jobs end as in `fec run`."""
        codes = set()
        for worker in [*self.jobs, *self.workers]:
            words = [str(BUILT / "release" / worker), "--root", str(self.folder), "--once", "--state", str(state), "--out", str(out)]
            killed_at_random(words, kills, chance, (0.001, 0.05))
            done = subprocess.run(words, capture_output=True, text=True, timeout=300)
            if done.returncode not in ((0, 1) if worker in self.jobs else (0,)):
                return f"{worker} ended with {done.returncode}: {done.stderr[-600:]}"
            codes.add(done.returncode)
        return None if max(codes) == code else f"jobs end with {sorted(codes)}, fec run with {code}"

    def answered(self, state, own_state):
        """Asks its services and `fec run` the same."""
        if not self.services:
            return None
        chance = random.Random(self.seed)
        whole = Server([FEC, "run", self.folder], state)
        start_of = lambda service: Server([BUILT / "release" / service, "--root", self.folder], own_state)
        servers = {service: start_of(service) for service in self.services}
        try:
            for service in self.services:
                for _ in range(KILLS):
                    time.sleep(chance.uniform(0.001, 0.05))
                    servers[service] = killed(servers[service], start_of, service)
            for name, server in [("fec run", whole), *servers.items()]:
                if server.ready(60) is None:
                    return f"{name} was not ready: {shown(server.errors)}"
            routes = {}
            for service, server in servers.items():
                document = json.loads(server.request("GET", "/openapi.json")[2])
                routes.update({path: service for path in document["paths"]})
            if not routes:
                return "its services have no route"
            for path, service in routes.items():
                keys = self.keys()
                dies = chance.randrange(len(keys))
                for number, key in enumerate(keys):
                    if number == dies:
                        servers[service] = killed(servers[service], start_of, service)
                        if servers[service].ready(60) is None:
                            return f"{service} was not ready after a kill: {shown(servers[service].errors)}"
                    body = json.dumps({"k": key}, ensure_ascii=False).encode()
                    got, wanted = (server.request("POST", path, body) for server in (servers[service], whole))
                    parts = [(status, headers.get("fec-time"), headers.get("fec-cut"), text) for status, headers, text in (got, wanted)]
                    self.answers += wanted[0] == 200
                    if parts[0] != parts[1] or parts[1][0] not in (200, 500):
                        return f"{path} of {key!r}: {service} answers {parts[0]}, fec run {parts[1]}"
        finally:
            for server in [whole, *servers.values()]:
                server.child.kill()
                server.child.wait()
        return None

    def keys(self):
        """Texts of its data, and one that is in none."""
        texts = set()
        for path in sorted((self.folder / "data").glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                texts.update(value for value in (row.values() if isinstance(row, dict) else []) if isinstance(value, str))
        for path in sorted((self.folder / "data").glob("*.csv")):
            texts.update(cell for row in csv.reader(path.read_text(encoding="utf-8").splitlines()) for cell in row)
        texts = {text for text in texts if len(text) < 12}
        return [*random.Random(self.seed).sample(sorted(texts), min(6, len(texts))), "nobody"]


def killed(server, start_of, service):
    """Ends a process at once; gives the one that is started after it."""
    server.child.kill()
    server.child.wait()
    return start_of(service)


def ran(program):
    """As `Program.run`; what keeps it from its end is told like a difference."""
    try:
        return program.run()
    except Exception as error:  # whatever it is, it belongs to this program
        return repr(error)


def put(path, text):
    """Writes a file where it is not so already: what is the same keeps its time."""
    if not path.exists() or path.read_bytes() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


def copied(folder, to):
    for path, text in files(folder).items():
        put(to / path, text)


def built(programs):
    """One workspace of the crates of all programs, built; gives what cargo said where it failed."""
    crates = TOGETHER_IN / "crates"
    wanted = [name for program in programs for name in program.lay(crates)]
    for folder in crates.iterdir():
        if folder.is_dir() and folder.name not in wanted and folder.name != "runtime":
            shutil.rmtree(folder)
    first = programs[0].out / "crates"
    copied(first / "runtime", crates / "runtime")
    text = (first / "Cargo.toml").read_text(encoding="utf-8")
    members = re.search(r"members = \[\n(.*?)\]", text, re.S)
    runtime = [line for line in members[1].splitlines() if '"runtime/' in line]
    listed = "\n".join([f'  "{name}",' for name in wanted] + runtime)
    put(crates / "Cargo.toml", (text[: members.start(1)] + listed + "\n" + text[members.end(1) :]).encode())
    (crates / "Cargo.lock").write_bytes((first / "Cargo.lock").read_bytes())
    began = time.monotonic()
    env = dict(os.environ, CARGO_TARGET_DIR=str(BUILT))
    done = subprocess.run(["cargo", "build", "--release", "--offline", "--quiet"], cwd=crates, env=env, capture_output=True, text=True, timeout=3600)
    print(f"      {len(wanted)} crates of {len(programs)} programs built in {time.monotonic() - began:.0f} s", flush=True)
    return None if done.returncode == 0 else done.stderr[-1500:]


def forgotten(programs):
    """Removes what was built of the programs, but not the runtime: each round is gigabytes, and none is asked for again."""
    own = re.compile("(lib)?p({})[-_]".format("|".join(str(program.seed) for program in programs)))
    for folder in (BUILT / "release", BUILT / "release/deps", BUILT / "release/.fingerprint"):
        for path in folder.iterdir() if folder.is_dir() else []:
            if not own.match(path.name):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def main():
    made = subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "fec-suite", "--example", "random"], cwd=ROOT, capture_output=True, text=True, timeout=3600)
    if not layer.check("random programs can be made", made.returncode == 0, made.stderr[-900:]):
        return
    for number in range(ROUNDS):
        first = FIRST + number * TOGETHER
        repeat = f"FEC_ONE_ANSWER={first} FEC_COMPILED={TOGETHER} {layer.repeat}"
        base = scratch("programs")
        programs = [Program(seed, base) for seed in range(first, first + TOGETHER)]
        wrong = [(program.seed, program.wrong) for program in programs if program.wrong]
        if not layer.check(f"{TOGETHER} random programs from {first} compile", not wrong, shown(wrong[:2]), repeat):
            return
        why = built(programs)
        if not layer.check("their crates build", why is None, why, repeat):
            return
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            wrong = [(program.seed, why) for program, why in zip(programs, pool.map(ran, programs)) if why]
        layer.check(f"their binaries write and answer what fec run does, also after {KILLS} kills each", not wrong, "\n      ".join(f"program {seed}: {why}" for seed, why in wrong[:5]), repeat)
        rows, answers = sum(program.rows for program in programs), sum(program.answers for program in programs)
        layer.check("rows and answers were there to be compared", rows > 0 and answers > 0, f"{rows} rows, {answers} answers")
        print(f"      {rows} rows and {answers} answers", flush=True)
        shutil.rmtree(base)
        forgotten(programs)


main()
