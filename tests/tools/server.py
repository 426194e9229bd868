"""A process that serves: started, asked and stopped."""

import http.client
import json
import signal
import subprocess
import threading
import time
import urllib.parse

from checks import ROOT, start, wait_for


class Server:
    """A running process that serves, `fec run` or a compiled one, and the lines that it has said."""

    def __init__(self, command, state, port=0, *more):
        self.began = time.monotonic()
        command = [*map(str, command), "--port", str(port), "--state", str(state), "--format", "json", *map(str, more)]
        self.child = start(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.told, self.errors = [], []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    # Pipes are closed at their end: thousands of servers are killed in one run.

    def _read(self):
        with self.child.stdout as told:
            for line in told:
                self.told.append(json.loads(line))

    def _read_errors(self):
        with self.child.stderr as errors:
            self.errors.extend(errors)

    def ready(self, seconds=60):
        """The URL, once it is told."""
        def told():
            return self.child.poll() is not None or [line for line in self.told if line.get("event") == "ready"]

        found = wait_for(told, seconds)
        return found[0] if isinstance(found, list) and found else None

    def request(self, method, path, body=None, headers=None):
        """Status, headers and text of one request."""
        url = urllib.parse.urlsplit(self.ready()["url"])
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
        try:
            connection.request(method, path, body, {"content-type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def score(self, payment):
        """Status and object of one payment."""
        status, _, text = self.request("POST", "/score", payment if isinstance(payment, str) else json.dumps(payment))
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def models(self):
        """What /readyz says of the models."""
        status, _, text = self.request("GET", "/readyz")
        return json.loads(text).get("models", {}) if status == 200 else {}

    def stop(self, number=signal.SIGTERM, seconds=30):
        """Its exit code after a signal; nothing if it does not end in time."""
        self.child.send_signal(number)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return None
