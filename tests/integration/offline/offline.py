"""Run `mainstay` on files in a temporary folder."""
import json
import os
import subprocess
import tempfile
import unittest

MAINSTAY = os.path.join(os.environ["MAINSTAY_BIN"], "mainstay")
SOURCE = os.environ["SOURCE_DIR"]
HEAD = "document: {dsl: '1.0.3', namespace: t, name: v, version: '1.0.0'}\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def run_cli(self, *arguments, path=None):
        environment = dict(os.environ, HOME=self.folder.name)
        if path is not None:
            environment["PATH"] = path
        return subprocess.run([MAINSTAY, *arguments], capture_output=True, text=True, check=False,
                              env=environment, timeout=120)

    def simulate(self, tasks, *arguments, agents=None, events=None):
        """The parsed answer and the exit code."""
        words = ["simulate", self.file("v.yaml", HEAD + tasks), "-o", "json", *arguments]
        if agents is not None:
            words += ["--agents", self.file("agents.yaml", agents)]
        if events is not None:
            words += ["--events", self.file("events.yaml", events)]
        ran = self.run_cli(*words)
        answer = json.loads(ran.stdout) if ran.stdout else None
        return answer, ran.returncode, ran.stderr
