"""The lints of the house: who may depend on whom, what a file may hold, what the pages must say."""

import json
import os
import re
import subprocess
import tomllib

import ir_schema
from checks import ROOT, Layer

MOST_LINES = 1000
MANY_LINES = 700
ENGINES = {"tokio", "kube", "reqwest", "arrow", "axum", "hyper", "fjall", "parquet", "datafusion"}
layer = Layer("house")


def workspace():
    """Name and folder of each crate, and its normal dependencies within and beyond the workspace, transitively."""
    text = subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked"], capture_output=True, text=True, cwd=ROOT)
    if text.returncode != 0:
        return None, text.stderr
    data = json.loads(text.stdout)
    names = {package["id"]: package["name"] for package in data["packages"]}
    nodes = {}
    for node in data["resolve"]["nodes"]:
        normal = [dep["pkg"] for dep in node["deps"] if any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"])]
        nodes[node["id"]] = normal
    folders = {package["name"]: os.path.relpath(os.path.dirname(package["manifest_path"]), ROOT) for package in data["packages"] if package["id"] in data["workspace_members"]}
    ids = {names[ident]: ident for ident in data["workspace_members"]}

    def closure(name):
        seen, todo = set(), [ids[name]]
        while todo:
            for dep in nodes[todo.pop()]:
                if dep not in seen:
                    seen.add(dep)
                    todo.append(dep)
        return {names[ident] for ident in seen}

    return {name: (folder, closure(name)) for name, folder in folders.items()}, ""


def dependencies():
    crates, error = workspace()
    if not layer.check("the lock file fits", crates is not None, error[-600:], "cargo metadata --locked"):
        return
    own = set(crates)
    for name, (folder, needs) in sorted(crates.items()):
        if folder.startswith("compiler/") and folder != "compiler/fec":
            layer.equal(f"{folder} needs no engine, client or server", sorted(needs & ENGINES), [], f"cargo tree -e normal -p {name}")
            layer.equal(f"{folder} needs no backend", sorted(n for n in needs & own if crates[n][0].startswith("backends/")), [])
        if folder.startswith("stdlib/runtime/"):
            layer.equal(f"{folder} knows nothing of the compiler", sorted(n for n in needs if n.startswith("fec-")), [], f"cargo tree -e normal -p {name}")
        if folder == "stdlib/runtime/core":
            layer.equal(f"{folder} is pure", sorted(needs & (ENGINES | own)), [])
        if folder == "tests/oracle":
            judged = sorted(n for n in needs & own if crates[n][0].startswith(("stdlib/", "backends/")))
            layer.equal(f"{folder} needs nothing that it judges", judged, [], f"cargo tree -e normal -p {name}")
        if folder != "compiler/fec":
            layer.check(f"{folder} does not know the command line", not any(n == "clap" for n in direct(folder)), "it depends on clap")


def direct(folder):
    """The names of a crate's direct dependencies."""
    manifest = tomllib.loads((ROOT / folder / "Cargo.toml").read_text(encoding="utf-8"))
    return set(manifest.get("dependencies", {}))


def sources():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, cwd=ROOT, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def without_tests(text):
    """A Rust file without its `#[cfg(test)]` part and its comments."""
    text = re.sub(r"//[^\n]*", "", text)
    return re.split(r"#\[cfg\(test\)\]\s*mod \w+ \{", text)[0]


def files():
    long, forbidden, ignored, unlinted, bare = [], [], [], [], []
    for path in sources():
        name = str(path.relative_to(ROOT))
        if path.suffix in (".rs", ".py", ".asol", ".sh"):
            count = len(path.read_text(encoding="utf-8").splitlines())
            if count > MOST_LINES:
                long.append(f"{name}: {count}")
            elif count > MANY_LINES:
                print(f"warning: {name} has {count} lines: does it have one subject?")
        if path.suffix == ".rs":
            text = path.read_text(encoding="utf-8")
            code = without_tests(text)
            forbidden += [f"{name}: {word}" for word in ("todo!(", "unimplemented!(", "dbg!(") if word in code]
            forbidden += [f"{name}: {word}" for word in ("TODO", "FIXME", "XXX") if re.search(rf"//.*\b{word}\b", text)]
            ignored += [name for _ in re.finditer(r"#\[ignore\s*\]", text)]
            bare += [f"{name}: {found[0]}" for found in re.finditer(r"#!?\[(?:allow|expect)\((?:(?!reason)[^\]])*\)\]", text)]
        if path.name == "Cargo.toml" and path.parent != ROOT and "[lints]\nworkspace = true" not in path.read_text(encoding="utf-8"):
            unlinted.append(name)
    layer.equal(f"no file has more than {MOST_LINES} lines", long, [])
    layer.equal("nothing unfinished is left in the code", forbidden, [])
    layer.equal("a test that is left out gives its reason", ignored, [])
    layer.equal("an exception from a lint gives its reason", bare, [])
    layer.equal("each crate takes the workspace's lints", unlinted, [])


def lints():
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["lints"]
    wanted = {"unwrap_used", "expect_used", "indexing_slicing", "panic", "todo", "unimplemented"}
    layer.equal("clippy denies what could panic", {name for name in wanted if manifest["clippy"].get(name) != "deny"}, set())
    layer.equal("undocumented and unsafe code is denied", [manifest["rust"].get(name) for name in ("missing_docs", "unsafe_code")], ["deny", "deny"])


def pages():
    registry = (ROOT / "compiler/diagnostics/src/codes.rs").read_text(encoding="utf-8")
    titles = dict(re.findall(r"^    ([EW]\d{4}) \"(.*)\"", registry, re.MULTILINE))
    folder = ROOT / "spec/errors"
    layer.check("there are codes", len(titles) > 50, f"{len(titles)} found")
    layer.equal("each code has a page and each page a code", sorted(page.stem for page in folder.glob("*.md")), sorted(titles))
    wrong = [code for code, title in titles.items() if not (folder / f"{code}.md").read_text(encoding="utf-8").startswith(f"# {code}: {title}\n")]
    layer.equal("each page begins with its title", wrong, [])
    dead = []
    for path in sources():
        if path.suffix != ".md":
            continue
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in link and not (path.parent / link).exists():
                dead.append(f"{path.relative_to(ROOT)} -> {link}")
    layer.equal("links between pages lead somewhere", dead, [])
    places = re.compile(r"(?:^|[\s\"'(`=])(/(?:home|root|work|Users)/[\w.-]+/)")
    strange = [f"{path.relative_to(ROOT)}: {found[1]}" for path in sources() if path.suffix in (".rs", ".md", ".toml", ".asol", ".py") and path.name != "house.py" for found in places.finditer(path.read_text(encoding="utf-8"))]
    layer.equal("no file names a folder of somebody's machine", strange, [])


def conformance():
    """Each test that spec/conformance.md and ARCHITECTURE.md name is there."""
    text = "".join(path.read_text(encoding="utf-8") for path in sources() if path.suffix == ".rs")
    tests = set(re.findall(r"#\[test\]\s*(?:#\[[^\]]*\]\s*|///[^\n]*\s*)*fn (\w+)", text))
    for page in ("spec/conformance.md", "ARCHITECTURE.md"):
        path = ROOT / page
        if not layer.check(f"{page} is there", path.is_file()):
            continue
        named = re.findall(r"`(?:[a-z-]+)::([a-z0-9_]+)`", path.read_text(encoding="utf-8"))
        layer.check(f"{page} names tests", len(named) > 10, f"{len(named)} named")
        layer.equal(f"{page}: each named test is there", sorted({name for name in named if name not in tests}), [])


def schema():
    path = ROOT / "spec/ir.schema.json"
    got = path.read_text(encoding="utf-8") if path.is_file() else ""
    layer.check("spec/ir.schema.json is that of the code", got == ir_schema.text(), "it differs", "python3 tests/tools/ir_schema.py --write")


def main():
    dependencies()
    files()
    lints()
    pages()
    conformance()
    schema()


main()
