"""Manifests as a cluster reads them, and the pods that come of them."""

import json
import subprocess

YAML = "pyyaml==6.0.3"


def read(python, paths):
    """Documents as PyYAML, a reader of YAML 1.1, understands them."""
    script = "import json, sys, yaml\nfor path in sys.argv[1:]:\n  for one in yaml.safe_load_all(open(path, encoding='utf-8')): print(json.dumps(one))"
    done = subprocess.run([python, "-c", script, *map(str, paths)], capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr[-600:]


def pods(document):
    """The pod that a controller would make of an object."""
    if document["kind"] not in ("Deployment", "StatefulSet"):
        return None
    template = document["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}


def step_pods(document):
    """Pods with the rights and volumes of a workflow's steps, by the names of their templates."""
    if document["kind"] != "WorkflowTemplate":
        return {}
    spec = document["spec"]
    rights = {name: spec[name] for name in ("serviceAccountName", "securityContext", "volumes")}
    return {
        template["name"]: {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": {**rights, "containers": [{**template["container"], "name": "main"}]}}
        for template in spec["templates"]
        if "container" in template
    }


def with_executor(document, pod):
    """A step's pod with the containers that Argo adds, which have no rights of their own, and with the changes that the workflow wants."""
    spec = pod["spec"]
    executor = {"image": "argoexec", "command": ["argoexec"]}
    listed = {"initContainers": [{"name": "init", **executor}], "containers": [{"name": "wait", **executor}, *spec["containers"]]}
    changes = json.loads(document["spec"].get("podSpecPatch", "{}"))
    for kind, containers in listed.items():
        by_name = {change["name"]: change for change in changes.get(kind, [])}
        listed[kind] = [{**container, **by_name.get(container["name"], {})} for container in containers]
    return {**pod, "spec": {**spec, **listed}}


def namespace(plane, name):
    """Makes a namespace that enforces `restricted`."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    return plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))
