"""Manifests are what a cluster takes: YAML 1.1 reads the texts that were meant, schemas fit, kube-score finds nothing that is
not explained below, and a real API server accepts all of them in a namespace that enforces `restricted`."""

import json
import os
import re
import subprocess

from checks import Layer, fec, scratch, shown
from compiled import compiled, go_tool, python_with
from controlplane import VERSION, ControlPlane, program
from manifests import YAML, namespace, pods, read, step_pods, with_executor

layer = Layer("kubernetes")

# What kube-score finds, and why it stays. A finding that is not here fails, and so does one here that is not found.
EXPLAINED = {
    (kind, "Container Image Pull Policy"): "a tag is a version and never moves; a node that has the image, perhaps imported without a registry, starts it at once"
    for kind in ("Deployment", "StatefulSet")
}

# YAML 1.1 takes these for something else than text, or they cannot stand as they are.
WORDS = [
    "y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "true", "True", "TRUE", "false", "False",
    "FALSE", "null", "Null", "NULL", "~", "1e3", "1E3", "1.5", ".5", "1.", "-1", "+1", "0x10", "0o17", "012", "0b11", "1_000", "12:30", "1:2:3", ".inf",
    "-.inf", ".nan", "2026-01-01", "2026-01-01T00:00:00Z", "=", "<<", "-", "- a", "?", ": ", "a: b", "a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a",
    "`a`", "'a'", "a'", "[a]", "{a: b}", "a,b", " a", "a ", "--- a", "...", "null-able", "e3", "0", "00", "0.0", "1e", "支付", "é", "a b",
]

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %(plural)s.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: %(kind)s, plural: %(plural)s}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, required: [spec], x-kubernetes-preserve-unknown-fields: true, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""


def words(python):
    """Each word comes back as the text that it was, from a value and from the docs."""
    folder = scratch("words")
    escaped = [word.replace("\\", "\\\\").replace('"', '\\"').replace("{", "\\{") for word in WORDS]
    targets = "\n".join(f'target t{number} {{ lake: s3(bucket: "{word}") }}' for number, word in enumerate(escaped))
    text = f'solution words {{ version: "1" }}\nsource e: stream<{{ id: string, at: timestamp }}> {{ time: at }}\n{targets}\n'
    (folder / "words.asol").write_text(text, encoding="utf-8")
    files, failed = [], []
    for number in range(len(WORDS)):
        done = fec("compile", folder, "--target", f"t{number}", "-o", folder / f"out{number}")
        if done.returncode != 0:
            failed.append((WORDS[number], done.stderr[-300:]))
        files.append(folder / f"out{number}" / "kubernetes" / "words-features.yaml")
    if not layer.equal("any text can be a bucket", failed, []):
        return
    documents, wrong = read(python, files)
    values = [
        variable["value"]
        for document in documents
        if document["kind"] == "StatefulSet"
        for variable in document["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"] == "FLOW_LAKE_BUCKET"
    ]
    layer.equal("YAML 1.1 reads every word as the text that it is", values or wrong, WORDS)


def schemas(python, solution, paths):
    tool = python.parent / "kubernetes-validate"
    wrong = []
    for path in paths:
        done = subprocess.run([tool, "-k", ".".join(VERSION.split(".")[:2]), "--strict", path], capture_output=True, text=True)
        if done.returncode != 0:
            wrong.append(f"{path.name}: {(done.stdout + done.stderr)[-500:]}")
    layer.equal(f"{solution}: manifests fit the schemas", wrong, [])


def scored(tool, folders):
    """kube-score, over all solutions together."""
    found, strange = set(), []
    for solution, out in folders:
        files = [path for path in sorted((out / "kubernetes").glob("*.yaml")) if path.name != "kustomization.yaml"]
        done = subprocess.run([tool, "score", "--output-format", "json", "--output-version", "v2", *files], capture_output=True, text=True)
        if not done.stdout.strip():
            layer.check(f"{solution}: kube-score reads the manifests", False, done.stderr[-600:])
            return
        for entry in json.loads(done.stdout):
            for check in entry["checks"] or []:
                # 10 is fine, 7 nearly so, 5 a warning, 1 critical.
                if check["skipped"] or check["grade"] >= 10:
                    continue
                key = (entry["type_meta"]["kind"], check["check"]["name"])
                found.add(key)
                if key not in EXPLAINED:
                    strange.append((solution, entry["object_name"], *key, [comment["summary"] for comment in check["comments"] or []]))
    layer.equal("kube-score finds nothing that is not explained", strange, [])
    layer.equal("what is explained is still found", sorted(set(EXPLAINED) - found), [])


def accepted(plane, python, solution, out):
    """Everything is taken by server-side apply, and pods of every kind by the guard of the namespace."""
    documents, _ = read(python, [out / "kubernetes" / "kustomization.yaml"])
    space = documents[0].get("namespace") or "elsewhere"
    made = namespace(plane, space)
    layer.check(f"{solution}: its namespace", made.returncode == 0, made.stderr)
    for folder in ("kubernetes", "argo"):
        done = plane.kubectl("apply", "--server-side", "-n", space, "-k", out / folder)
        # kubectl says itself that it sorts as the kustomization asks, and not as it would by itself.
        said = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if "Sorting order is set both" not in line)
        fine = done.returncode == 0 and "Warning" not in said and said.count("serverside-applied") >= 4
        layer.check(f"{solution}: the server takes {folder}/ without a word", fine, said[-1500:])
        # Argo's controller refuses a schedule whose template is not there yet.
        applied = re.findall(r"^(workflowtemplate|cronworkflow)\S*/(\S+) ", said, re.M)
        early = [name for place, (kind, name) in enumerate(applied) if kind == "cronworkflow" and ("workflowtemplate", name) not in applied[:place]]
        layer.equal(f"{solution}: schedules come behind their templates in {folder}/", early, [])
    for path in sorted((out / "argo").glob("*_run.yaml")):
        done = plane.kubectl("apply", "--server-side", "-n", space, "-f", path)
        layer.check(f"{solution}: the server takes {path.name}", done.returncode == 0, done.stderr[-800:])
    files = [path for folder in ("kubernetes", "argo") for path in sorted((out / folder).glob("*.yaml"))]
    documents, _ = read(python, files)
    made = [pod for pod in map(pods, documents) if pod]
    made += [with_executor(document, pod) for document in documents for pod in step_pods(document).values()]
    refused = []
    for pod in made:
        done = plane.kubectl("create", "--dry-run=server", "-n", space, "-f", "-", stdin=json.dumps(pod))
        if done.returncode != 0 or "Warning" in done.stderr:
            refused.append(done.stderr[-600:])
    layer.check(f"{solution}: `restricted` lets its {len(made)} kinds of pods in", made and not refused, shown(refused))
    pod = json.loads(json.dumps(made[0]))
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    done = plane.kubectl("create", "--dry-run=server", "-n", space, "-f", "-", stdin=json.dumps(pod))
    layer.check(f"{solution}: and no pod with more rights", done.returncode != 0 and "restricted" in done.stderr, done.stderr or "it was let in")


def server(python, folders):
    binary, why = program()
    if not binary:
        layer.skip("a real API server takes everything", why)
        return
    plane = ControlPlane(binary)
    if not layer.check("the control plane comes up", plane.ready(), plane.last_words()):
        return
    for kind in ("Workflow", "WorkflowTemplate", "CronWorkflow"):
        done = plane.kubectl("apply", "--server-side", "-f", "-", stdin=CRD % {"kind": kind, "plural": f"{kind.lower()}s"})
        layer.check(f"the server knows {kind}", done.returncode == 0, done.stderr)
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    for solution, out in folders:
        accepted(plane, python, solution, out)


def main():
    folders = compiled(layer)
    python, why = python_with("kubernetes-validate==1.37.0", YAML)
    if not python:
        layer.skip("YAML, schemas and the API server", why)
        return
    words(python)
    for solution, out in folders:
        paths = [path for path in sorted((out / "kubernetes").glob("*.yaml")) if path.name != "kustomization.yaml"]
        schemas(python, solution, [*paths, out / "argo" / "account.yaml"])
    tool, why = go_tool("github.com/zegl/kube-score/cmd/kube-score", "v1.20.0")
    if tool:
        scored(tool, folders)
    else:
        layer.skip("kube-score finds nothing that is not explained", why)
    server(python, folders)


main()
