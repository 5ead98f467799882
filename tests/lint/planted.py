"""A scratch project in which a test plants files and runs one lint program."""
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Planted(unittest.TestCase):
    tool = ""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="mainstay-lint.")
        self.addCleanup(scratch.cleanup)
        self.root = scratch.name

    def plant(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def lint(self, *options):
        done = subprocess.run([sys.executable, "-B", os.path.join(TOP, "tools/lint", self.tool),
                               "--root", self.root, *options], capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout + done.stderr

    def clean(self, *options):
        status, output = self.lint(*options)
        self.assertEqual((status, output), (0, ""))

    def found(self, place, message, *options):
        """One line of output starts with the place and holds the message; the exit code is 1."""
        status, output = self.lint(*options)
        self.assertEqual(status, 1, output)
        lines = [line for line in output.splitlines() if line.startswith(place) and message in line]
        self.assertTrue(lines, f"no '{place}... {message}' in:\n{output}")
