"""What `fec compile --images` gives runs on a real node, in pods that `restricted` lets in: the worker makes of the log what `fec run`
makes of it though it is killed, the job's steps train the model of `fec run`, and the service answers as `fec run` does."""

import base64
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from checks import ROOT, SEED, TARGET, Layer, fec, lines, scratch, shown, wait_for
from compiled import python_with
from controlplane import program
from machine import Machine, alone, lacking, pause
from manifests import YAML, namespace, read, step_pods
from server import Server

layer = Layer("node")

EXAMPLE = ROOT / "examples/fraud"
# The events of the local target, and none after them.
EVENTS = "simulate: cards(seed: 7, rows: 50_000, rate: 0)"
# Where the binaries of images are built.
BUILT = TARGET / "compiled/images/built/release"
# Whom the pods run as.
USER = 65532


def prepared(folder):
    """Images and manifests, the records of a log, and what `fec run` makes of them; whether all of it is there."""
    os.environ["CARGO_TARGET_DIR"] = str(TARGET / "compiled")
    solution = folder / "solution"
    shutil.copytree(EXAMPLE, solution)
    text = (solution / "fraud.asol").read_text(encoding="utf-8")
    text, changed = re.subn(r"(?m)^target prod \{$", f"target prod {{\n  {EVENTS}", re.sub(r"simulate: cards\(.*\)", EVENTS, text))
    layer.equal("the cluster's target has events of its own", changed, 1)
    # Risks that are small already matter: most payments have no others.
    text = text.replace("risk > 0.9 ->", "risk > 0.01 ->").replace("risk > 0.6 and amount > 500 ->", "risk > 0.001 and amount > 20 ->")
    (solution / "fraud.asol").write_text(text, encoding="utf-8")
    done = fec("compile", solution, "--target", "prod", "-o", folder / "out", "--images", timeout=3600)
    if not layer.check("the example gives images", done.returncode == 0, done.stderr[-900:]):
        return False
    state = folder / "state"
    done = fec("run", solution, "--once", "--state", state, "--out", folder / "wanted")
    if not layer.check("fec run makes something of its events", done.returncode == 0 and models(state), done.stderr[-600:]):
        return False
    (folder / "claim").mkdir()
    os.chown(folder / "claim", USER, USER)
    asked, now = requests(folder)
    server = Server([BUILT / "scoring-score"], state, 0, f"--now={now}")
    if not layer.check("its state is served", server.ready(), "".join(server.errors)[-600:]):
        return False
    answers = [list(server.request("POST", "/score", json.dumps(one)))[::2] for one in asked]
    server.stop()
    verdicts = {json.loads(text).get("verdict") for _, text in answers}
    layer.check("it judges payments differently", len(verdicts) > 1, shown(answers))
    published = {path: base64.b64encode(text).decode() for path, text in models(state).items()}
    wanted = {"now": now, "requests": asked, "answers": answers, "models": published}
    (folder / "wanted.json").write_text(json.dumps(wanted), encoding="utf-8")
    return True


def models(state):
    """The published models of a state folder: path → bytes."""
    return {str(path.relative_to(state)): path.read_bytes() for path in sorted((state / "models").rglob("*.json"))}


def requests(folder):
    """The last payments of the past, and the instant at which they are scored."""
    events = folder / "events"
    done = fec("simulate", folder / "solution", "-o", events)
    if not layer.check("events are simulated", done.returncode == 0, done.stderr[-600:]):
        return [], ""
    past = lines((events / "payments.jsonl").read_text(encoding="utf-8"))
    return [{**one, "id": f"asked-{number}"} for number, one in enumerate(past[-300:])], max(one["at"] for one in past)


class Inside:
    """What happens on the node."""

    def __init__(self, folder, python):
        self.folder = folder
        self.python = python
        self.wanted = json.loads((folder / "wanted.json").read_text(encoding="utf-8"))
        self.space = "fraud"

    def run(self):
        """All of it, while the node stands."""
        binary, _ = program()
        image, _ = pause()
        try:
            self.node = node = Machine(binary, image)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            layer.skip("what was compiled runs on a real node", f"this machine cannot carry one: {error}")
            return
        if not node.is_ready():
            layer.skip("what was compiled runs on a real node", f"the node does not become ready on this machine: {node.last_words()}")
            return
        for path in sorted((self.folder / "out/images").glob("*.tar")):
            node.load(path)
        self.deployed()
        if self.worked() and self.trained():
            self.answered()

    def deployed(self):
        """Applies what was compiled, and a volume for its claim."""
        made = namespace(self.node, self.space)
        layer.check("its namespace", made.returncode == 0, made.stderr)
        volume = {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "data"},
            "spec": {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteMany"], "hostPath": {"path": str(self.folder / "claim")}, "storageClassName": "",
                     "claimRef": {"namespace": self.space, "name": "fraud-data"}}}
        done = self.node.kubectl("apply", "-f", "-", stdin=json.dumps(volume))
        layer.check("a volume", done.returncode == 0, done.stderr)
        done = self.node.kubectl("apply", "--server-side", "-n", self.space, "-k", self.folder / "out/kubernetes")
        layer.check("the manifests are applied", done.returncode == 0, done.stderr[-800:])
        documents, _ = read(self.python, [self.folder / "out/argo/account.yaml"])
        for document in documents:
            done = self.node.kubectl("apply", "-n", self.space, "-f", "-", stdin=json.dumps(document))
            layer.check(f"the job's {document['kind']}", done.returncode == 0, done.stderr[-800:])
        # Requests are answered as of one instant, as `fec run` was asked.
        change = json.dumps([{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": f"--now={self.wanted['now']}"}])
        done = self.node.kubectl("patch", "deployment", "scoring-score", "-n", self.space, "--type", "json", "-p", change)
        layer.check("the service stands at an instant", done.returncode == 0, done.stderr)

    def worked(self):
        """The worker, killed while it works and once it has; whether it came back."""
        chance = random.Random(SEED)
        for kill in range(2):
            found = wait_for(lambda: processes("scoring-alerts"), 120, 0.02)
            if not layer.check(f"the worker runs, time {kill + 1}", found, self.words()):
                return False
            time.sleep(chance.random() * (0.5 if kill == 0 else 5))
            for process in processes("scoring-alerts"):
                os.kill(process, signal.SIGKILL)
        # The cluster takes a second to see that it is gone.
        seen = wait_for(lambda: self.restarts("scoring-alerts-0") >= 1, 120, 0.5)
        back = self.ready("statefulset", "scoring-alerts")
        return layer.check("the worker was killed, and is back and ready", seen and back, f"{self.restarts('scoring-alerts-0')} {self.words()}")

    def restarts(self, name):
        """How often the container of a pod was started again."""
        pod = self.node.read("pod", name, "-n", self.space) or {}
        return sum(status["restartCount"] for status in pod.get("status", {}).get("containerStatuses", []))

    def trained(self):
        """The steps of the job, each a pod as its workflow would make it, in order; whether the model is that of `fec run`."""
        documents, _ = read(self.python, [self.folder / "out/argo/train.yaml"])
        template = documents[0]["spec"]["templates"]
        made = step_pods(documents[0])
        order = [task["template"] for task in template[0]["dag"]["tasks"]]
        order += [name for name in made if name not in order]
        for name in order:
            text = json.dumps(made[name]).replace("{{workflow.uid}}", "run-1")
            text = re.sub(r"\{\{(inputs|workflow)\.parameters\.now\}\}", "", text)
            pod = json.loads(text)
            pod["metadata"]["name"] = f"step-{name}"
            pod["spec"]["restartPolicy"] = "Never"
            done = self.node.kubectl("create", "-n", self.space, "-f", "-", stdin=json.dumps(pod))
            ended = done.returncode == 0 and self.phase(f"step-{name}")
            if not layer.equal(f"the step {name} ends in its pod", ended, "Succeeded"):
                print(done.stderr, self.node.kubectl("logs", "-n", self.space, f"step-{name}").stdout, self.words())
                return False
        got = {path: base64.b64encode(text).decode() for path, text in models(self.folder / "claim").items()}
        return layer.check("the job's pods give the model of fec run, byte for byte", got == self.wanted["models"], shown([list(got), list(self.wanted["models"])]))

    def phase(self, pod):
        """How a pod ended."""
        def ended():
            found = self.node.read("pod", pod, "-n", self.space) or {}
            phase = found.get("status", {}).get("phase")
            return phase if phase in ("Succeeded", "Failed") else None

        return wait_for(ended, 180, 0.3)

    def answered(self):
        """The service, through its Service, also after a pod of it has gone."""
        if not layer.check("the service is ready", self.ready("deployment", "scoring-score"), self.words()):
            return
        self.asked("a request is scored as by fec run")
        done = self.node.kubectl("delete", "pod", "-n", self.space, "-l", "app.kubernetes.io/name=scoring-score", "--wait=false")
        layer.check("the service's pods are deleted", done.returncode == 0, done.stderr)
        wait_for(lambda: not self.ready("deployment", "scoring-score", 1), 30)
        layer.check("others take their place", self.ready("deployment", "scoring-score"), self.words())
        self.asked("they answer the same")

    def asked(self, what):
        """Puts the requests to the service, and compares."""
        service = self.node.read("service", "scoring-score", "-n", self.space)["spec"]
        url = f"http://{service['clusterIP']}:{service['ports'][0]['port']}/score"
        # A model is looked for twice a second.
        wait_for(lambda: ask(url, self.wanted["requests"][0]) == self.wanted["answers"][0], 20, 0.5)
        got = [ask(url, one) for one in self.wanted["requests"]]
        different = [pair for pair in zip(got, self.wanted["answers"]) if pair[0] != pair[1]]
        layer.check(f"{what}, {len(got)} of them", not different, shown(different))

    def ready(self, kind, name, seconds=180):
        """Whether all pods of an object are ready."""
        done = self.node.kubectl("rollout", "status", f"{kind}/{name}", "-n", self.space, f"--timeout={seconds}s")
        return done.returncode == 0

    def words(self):
        """What the cluster says of its pods."""
        told = "".join(self.node.kubectl("get", kind, "-n", self.space).stdout for kind in ("pods", "events"))
        logs = self.node.kubectl("logs", "-n", self.space, "-l", "app.kubernetes.io/part-of=fraud", "--prefix", "--tail=5")
        return told[-3000:] + logs.stdout[-2000:] + logs.stderr[-500:]


def processes(name):
    """The processes of pods whose program is called so: what runs beside the cluster has the mounts of this process."""
    found, ours = [], os.readlink("/proc/self/ns/mnt")
    for place in pathlib.Path("/proc").iterdir():
        try:
            if place.name.isdigit() and os.readlink(place / "exe").endswith(f"/{name}") and os.readlink(place / "ns/mnt") != ours:
                found.append(int(place.name))
        except OSError:
            pass
    return found


def ask(url, payment):
    """Status and text of one request; why there is none."""
    request = urllib.request.Request(url, json.dumps(payment).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as refused:
        return [refused.code, refused.read().decode()]
    except OSError as error:
        return [0, str(error)]


def outside():
    """Prepares, runs the node, and looks at what is left in the claim."""
    why = lacking()
    for tool in (lambda: program(), lambda: pause(), lambda: python_with(YAML)):
        why = why or tool()[1]
    if why:
        layer.skip("what was compiled runs on a real node", why)
        return
    folder = scratch("node")
    if not prepared(folder):
        return
    python, _ = python_with(YAML)
    code = alone(__file__, {"FEC_NODE": str(folder), "FEC_NODE_PYTHON": str(python)})
    layer.equal("the node was stopped", code, 0)
    if not any((folder / "claim").iterdir()):
        return
    own = folder / "own"
    done = subprocess.run([BUILT / "scoring-alerts", "--once", "--state", folder / "claim", "--out", own], capture_output=True, text=True, timeout=120)
    got, wanted = ({str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()} for root in (own, folder / "wanted"))
    layer.check("the worker's pods made of the log what fec run makes, byte for byte", done.returncode == 0 and got == wanted and wanted, done.stderr[-600:] + shown([list(got), list(wanted)]))


if "FEC_NODE" in os.environ:
    Inside(pathlib.Path(os.environ["FEC_NODE"]), os.environ["FEC_NODE_PYTHON"]).run()
else:
    outside()
