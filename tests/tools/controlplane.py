"""A Kubernetes control plane on free ports, built from its modules: a real API server over a real store."""

import hashlib
import os
import secrets
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request

from checks import ROOT, free_port, scratch, start, wait_for
from compiled import cached, told

VERSION = "1.37.2"
SOURCE = ROOT / "tests/tools/controlplane"


def program():
    """The program with all parts, or none, and why not. The first build takes about ten minutes."""
    parts = [SOURCE / name for name in ("main.go", "go.mod")]
    number = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:8]

    def make(folder):
        print(f"building Kubernetes {VERSION}, once: about ten minutes", flush=True)
        for part in parts:
            shutil.copy(part, folder)
        told(["go", "mod", "tidy"], cwd=folder)
        package = "k8s.io/component-base/version"
        major, minor, _ = VERSION.split(".")
        flags = f"-s -w -X {package}.gitVersion=v{VERSION} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
        told(["go", "build", "-ldflags", flags, "-o", "controlplane", "."], cwd=folder)

    for tool in ("go", "openssl"):
        if not shutil.which(tool):
            return None, f"`{tool}` is not installed"
    folder, why = cached(f"controlplane-{VERSION}-{number}", make)
    return (folder / "controlplane", "") if folder else (None, why)


class ControlPlane:
    """A store and an API server at an address, with the controllers and the scheduler if they are wanted; `kubectl` talks to them."""

    def __init__(self, binary, address="127.0.0.1", controllers=False):
        self.binary = binary
        self.address = address
        self.folder = scratch("controlplane")
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.log = open(self.folder / "log", "wb")
        clients, peers = free_port(), free_port()
        self.part("etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync", "--log-level", "error",
                  "--listen-client-urls", f"http://127.0.0.1:{clients}", "--advertise-client-urls", f"http://127.0.0.1:{clients}",
                  "--listen-peer-urls", f"http://127.0.0.1:{peers}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peers}",
                  "--initial-cluster", f"default=http://127.0.0.1:{peers}")
        key, tokens = self.folder / "accounts.key", self.folder / "tokens.csv"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        tokens.write_text(f'{self.token},admin,admin,"system:masters"\n')
        self.part("apiserver", "--etcd-servers", f"http://127.0.0.1:{clients}", "--bind-address", address, "--secure-port", self.port,
                  "--cert-dir", self.folder / "certs", "--token-auth-file", tokens, "--authorization-mode", "Node,RBAC",
                  "--enable-admission-plugins", "NodeRestriction,PodSecurity", "--service-cluster-ip-range", "10.96.0.0/16",
                  "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key,
                  "--service-account-signing-key-file", key, "--kubelet-preferred-address-types", "InternalIP")
        self.config = self.folder / "kubeconfig"
        self.config.write_text(
            f"apiVersion: v1\nkind: Config\ncurrent-context: it\nclusters:\n- name: it\n  cluster: {{server: 'https://{address}:{self.port}', insecure-skip-tls-verify: true}}\n"
            f"contexts:\n- name: it\n  context: {{cluster: it, user: it}}\nusers:\n- name: it\n  user: {{token: {self.token}}}\n")
        if controllers and self.ready():
            self.part("controllers", "--kubeconfig", self.config, "--service-account-private-key-file", key, "--use-service-account-credentials",
                      "--root-ca-file", self.folder / "certs/apiserver.crt", "--leader-elect=false", "--bind-address", "127.0.0.1")
            self.part("scheduler", "--kubeconfig", self.config, "--leader-elect=false", "--bind-address", "127.0.0.1")

    def part(self, *arguments):
        start([self.binary, *map(str, arguments)], stdout=self.log, stderr=self.log, cwd=self.folder)

    def ready(self, seconds=120):
        """Whether it answers, and has the roles and namespaces that it makes for itself."""
        context = ssl._create_unverified_context()
        request = urllib.request.Request(f"https://{self.address}:{self.port}/readyz", headers={"Authorization": f"Bearer {self.token}"})

        def answers():
            try:
                with urllib.request.urlopen(request, context=context, timeout=5) as response:
                    return response.status == 200
            except (OSError, urllib.error.URLError):
                return False

        return wait_for(answers, seconds, 0.3)

    def last_words(self):
        self.log.flush()
        return (self.folder / "log").read_text(errors="replace")[-1500:]

    def kubectl(self, *arguments, stdin=None):
        environment = {**os.environ, "KUBECONFIG": str(self.config), "HOME": str(self.folder)}
        return subprocess.run([self.binary, "kubectl", *map(str, arguments)], input=stdin, capture_output=True, text=True, env=environment, timeout=120)
