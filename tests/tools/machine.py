"""A node with real pods: containerd, runc, kubelet and the proxy of services, beside a control plane.

All of it lives in namespaces of its own (network, mounts, processes), so that nothing on the machine is changed, and nothing is left
when the first process of the namespaces ends: `alone` starts a script there.
"""

import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

from checks import ROOT, start, wait_for
from compiled import cached
from compiled import told as run
from controlplane import ControlPlane

ADDRESS = "10.88.0.1"
PODS = "10.88.0.0/16"
NAME = "node"
PAUSE = "fec.test/pause:1"
TOOLS = ["containerd", "runc", "ctr", "ip", "iptables", "conntrack", "unshare", "go"]
PLUGINS = ["/opt/cni/bin", "/usr/lib/cni"]
GROUPS = pathlib.Path("/sys/fs/cgroup")


def plugins():
    """The folder of the network's plugins, or none."""
    return next((folder for folder in PLUGINS if all(pathlib.Path(folder, name).exists() for name in ("bridge", "host-local", "loopback"))), None)


def lacking():
    """Why no node can be started here; nothing if one can."""
    if os.geteuid() != 0:
        return "only root can start a node"
    for tool in TOOLS:
        if not shutil.which(tool):
            return f"`{tool}` is not installed"
    return "" if plugins() else f"there are no network plugins in {' or '.join(PLUGINS)}"


def alone(script, told):
    """Runs a Python script as the first process of namespaces of its own, with what it is told in its environment; everything in
    them ends with it. Gives its exit code."""
    before = groups()
    command = ["unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc", sys.executable, script]
    try:
        return start(command, env={**os.environ, **told}).wait()
    finally:
        for group in sorted(groups() - before, key=lambda path: -len(path.parts)):
            try:
                group.rmdir()
            except OSError:
                pass


def groups():
    """The control groups of nodes."""
    return {path for root in GROUPS.glob("**/fec-node") for path in [root, *root.rglob("*")] if path.is_dir()}


def pause():
    """The archive of the image that holds a pod's namespaces, or none, and why not."""
    source = ROOT / "tests/tools/pause/main.go"

    def make(folder):
        environment = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"}
        run(["go", "build", "-ldflags", "-s -w", "-o", folder / "pause", source], env=environment)
        layer = archive({"pause": ((folder / "pause").read_bytes(), 0o755)})
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
                             "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}}).encode()
        listed = json.dumps([{"Config": "config.json", "RepoTags": [PAUSE], "Layers": ["layer.tar"]}]).encode()
        parts = {"config.json": (config, 0o644), "layer.tar": (layer, 0o644), "manifest.json": (listed, 0o644)}
        (folder / "image.tar").write_bytes(archive(parts))

    number = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
    folder, why = cached(f"pause-{number}", make)
    return (folder / "image.tar", "") if folder else (None, why)


def archive(parts):
    """A tar of files: name → bytes and mode."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as out:
        for name, (text, mode) in parts.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), mode
            out.addfile(member, io.BytesIO(text))
    return made.getvalue()


class Machine(ControlPlane):
    """A control plane with one node. To be made by a script that `alone` started."""

    def __init__(self, binary, pause_image):
        for words in (
            ["ip", "link", "set", "lo", "up"],
            ["ip", "link", "add", "fec0", "type", "bridge"],
            ["ip", "addr", "add", f"{ADDRESS}/16", "dev", "fec0"],
            ["ip", "link", "set", "fec0", "up"],
            ["ip", "route", "add", "default", "via", ADDRESS, "dev", "fec0"],
        ):
            run(words)
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        super().__init__(binary, ADDRESS, controllers=True)
        self.socket = self.folder / "containerd.sock"
        self._containerd()
        if not wait_for(lambda: self.ctr("version").returncode == 0, 60, 0.2):
            raise RuntimeError(f"containerd does not answer: {self.last_words()}")
        self.load(pause_image)
        self._kubelet()
        self.part("proxy", "--kubeconfig", self.config, "--hostname-override", NAME, "--proxy-mode", "iptables", "--cluster-cidr", PODS,
                  "--conntrack-max-per-core", "0", "--conntrack-min", "0", "--conntrack-tcp-timeout-established", "0s", "--conntrack-tcp-timeout-close-wait", "0s",
                  "--conntrack-udp-timeout", "0s", "--conntrack-udp-timeout-stream", "0s")

    def _containerd(self):
        networks = self.folder / "networks"
        networks.mkdir()
        (networks / "10-pods.conflist").write_text(json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [{
            "type": "bridge", "bridge": "fec0", "isGateway": True, "hairpinMode": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS, "rangeStart": "10.88.1.1"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": str(self.folder / "addresses")}}]}))
        settings = self.folder / "containerd.toml"
        settings.write_text(f"""
version = 2
root = "{self.folder}/containers"
state = "{self.folder}/tasks"
[grpc]
address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins()}"
conf_dir = "{networks}"
""")
        start(["containerd", "--config", settings, "--log-level", "warn"], stdout=self.log, stderr=self.log, cwd=self.folder)

    def _kubelet(self):
        for controller in GROUPS.iterdir() if not (GROUPS / "cgroup.controllers").exists() else [GROUPS]:
            if controller.is_dir() and not controller.is_symlink() and controller.name != "unified":
                (controller / "fec-node").mkdir(exist_ok=True)
        settings = self.folder / "kubelet.yaml"
        settings.write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "address": ADDRESS, "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs", "cgroupRoot": "/fec-node", "failCgroupV1": False, "failSwapOn": False, "enforceNodeAllocatable": [],
            "containerRuntimeEndpoint": f"unix://{self.socket}", "healthzPort": 0, "evictionHard": {"memory.available": "1Mi"}, "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99, "resolvConf": ""}))
        self.part("kubelet", "--config", settings, "--kubeconfig", self.config, "--root-dir", self.folder / "kubelet", "--cert-dir", self.folder / "kubelet-certs",
                  "--hostname-override", NAME, "--node-ip", ADDRESS)

    def ctr(self, *words):
        return subprocess.run(["ctr", "--address", str(self.socket), "-n", "k8s.io", *map(str, words)], capture_output=True, text=True, timeout=300)

    def load(self, image):
        """Gives the node an image from an archive."""
        done = self.ctr("images", "import", image)
        if done.returncode != 0:
            raise RuntimeError(f"{image}: {done.stderr[-600:]}")

    def is_ready(self, seconds=120):
        """Whether the node takes pods."""
        def taken():
            done = self.kubectl("get", "node", NAME, "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
            return done.stdout.strip() == "True"

        return wait_for(taken, seconds, 0.5)

    def read(self, *words):
        """An object, or a list of them, as JSON; nothing where there is none."""
        done = self.kubectl("get", *words, "-o", "json")
        return json.loads(done.stdout) if done.returncode == 0 else None
