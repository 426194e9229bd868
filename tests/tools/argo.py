"""Workflows fit the schemas of Argo v4: its validators find no mistake, and a type checker no field that they do not know."""

import json
import shutil
import subprocess

from checks import Layer, scratch
from compiled import cached, compiled, python_with, told

SCHEMAS, COMPILER = "2.0.0", "7.0.2"
KINDS = ("Workflow", "WorkflowTemplate", "CronWorkflow")
MODULE = "@kubernetes-models/argo-workflows/argoproj.io/v1alpha1"
layer = Layer("argo")

VALIDATE = """
import fs from "node:fs";
import { %(kinds)s } from "%(module)s";
const kinds = { %(kinds)s };
for (const line of fs.readFileSync(0, "utf8").split("\\n").filter(Boolean)) {
  const { kind, apiVersion, ...rest } = JSON.parse(line);
  let said = "";
  try {
    if (apiVersion !== kinds[kind].apiVersion) said = `another version: ${apiVersion}`;
    else new kinds[kind](rest).validate();
  } catch (error) { said = String(error.message); }
  console.log(JSON.stringify(said));
}
"""


def tools():
    """A folder with the schemas and a type checker, or none, and why not."""

    def make(folder):
        (folder / "package.json").write_text('{"type": "module", "private": true}')
        told(["npm", "install", "--no-audit", "--no-fund", f"@kubernetes-models/argo-workflows@{SCHEMAS}", f"typescript@{COMPILER}"], cwd=folder)

    for tool in ("node", "npm"):
        if not shutil.which(tool):
            return None, f"`{tool}` is not installed"
    return cached(f"argo-schemas-{SCHEMAS}-{COMPILER}", make)


def documents(python, path):
    """The documents of a YAML file."""
    script = "import json, sys, yaml\nfor one in yaml.safe_load_all(sys.stdin): print(json.dumps(one))"
    done = subprocess.run([python, "-c", script], input=path.read_bytes(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def validated(folder, workflows):
    """What the validators say of each workflow; nothing where it fits."""
    script = folder / "validate.mjs"
    script.write_text(VALIDATE % {"kinds": ", ".join(KINDS), "module": MODULE})
    lines = "\n".join(json.dumps(workflow) for workflow in workflows)
    done = subprocess.run(["node", script], input=lines, capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        return [done.stderr[-600:]] * len(workflows)
    return [json.loads(line) for line in done.stdout.splitlines()]


def checked(folder, workflows):
    """What the type checker says of all of them; nothing where they have known fields only."""
    lines = [f'import {{ {", ".join(f"I{kind}" for kind in KINDS)} }} from "{MODULE}";']
    lines += [f"export const w{number}: I{workflow['kind']} = {json.dumps(workflow)};" for number, workflow in enumerate(workflows)]
    place = scratch("types")
    (place / "node_modules").symlink_to(folder / "node_modules")
    (place / "package.json").write_text('{"type": "module"}')
    (place / "all.ts").write_text("\n".join(lines))
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext", "--target", "es2022"]
    done = subprocess.run([folder / "node_modules/.bin/tsc", *options, "all.ts"], cwd=place, capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-1500:] or f"exit {done.returncode}"


def broken(workflows):
    """The first template with a field of an earlier version, and with a number where a text belongs."""
    template = next(workflow for workflow in workflows if workflow["kind"] == "WorkflowTemplate")
    old, number = json.loads(json.dumps(template)), json.loads(json.dumps(template))
    old["spec"]["synchronization"] = {"mutex": {"name": "a"}}
    number["spec"]["entrypoint"] = 7
    return old, number


def main():
    folder, why = tools()
    python, missing = python_with("pyyaml==6.0.3")
    if not folder or not python:
        layer.skip("workflows fit the schemas of Argo v4", why or missing)
        return
    everything = []
    for solution, out in compiled(layer):
        files = sorted((out / "argo").glob("*.yaml"))
        found = [(path.name, one) for path in files for one in documents(python, path) if one["kind"] in KINDS]
        layer.check(f"{solution}: has a template and a workflow for each job", len(found) >= 2, str([path.name for path in files]))
        said = validated(folder, [one for _, one in found])
        wrong = [f"{name}: {message}" for (name, _), message in zip(found, said) if message]
        layer.equal(f"{solution}: workflows fit the schemas", wrong, [])
        everything += [one for _, one in found]
    if not everything:
        return
    layer.equal("workflows have no field that Argo does not know", checked(folder, everything), "")
    old, number = broken(everything)
    layer.check("the type checker sees a field of an earlier version", "mutex" in checked(folder, [old]), "it does not")
    layer.check("the validators see a wrong type", validated(folder, [number])[0], "they do not")


main()
