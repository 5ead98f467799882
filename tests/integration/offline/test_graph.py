"""mainstay graph: every definition that loads is drawn, and no text leaves its label."""
import glob
import os
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree

import offline

DOT = shutil.which("dot")


class Graph(offline.Case):
    def draw(self, path):
        ran = self.run_cli("graph", path)
        self.assertEqual(ran.returncode, 0, f"{path}: {ran.stderr}")
        return ran.stdout

    def check(self, graph, path):
        """Every edge joins nodes that are there; Graphviz, where it is installed, agrees."""
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', graph)
        self.assertEqual(bare.count("{"), bare.count("}"), path)
        nodes = set(re.findall(r"^  (\w+) \[", bare, re.M))
        for left, right in re.findall(r"^  (\w+) -> (\w+)", bare, re.M):
            self.assertIn(left, nodes, path)
            self.assertIn(right, nodes, path)
        if DOT:
            done = subprocess.run([DOT, "-Tsvg"], input=graph, capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), path)
            xml.etree.ElementTree.fromstring(done.stdout)

    def test_every_definition_that_loads_is_drawn(self):
        files = glob.glob(f"{offline.SOURCE}/deploy/processes/*.yaml")
        shipped = len(files)
        files += glob.glob(f"{offline.SOURCE}/tests/data/**/*.yaml", recursive=True)
        drawn = 0
        for path in sorted(files):
            if self.run_cli("check", path).returncode == 0:
                self.check(self.draw(path), path)
                drawn += 1
        self.assertGreaterEqual(shipped, 3)
        self.assertGreater(drawn, 20)

    def test_every_example_is_drawn_or_its_refusal_is_told(self):
        files = sorted(glob.glob(f"{offline.SOURCE}/tests/data/ows/examples/*.yaml"))
        drawn = 0
        for path in files:
            ran = self.run_cli("graph", path)
            told = ran.stderr.startswith(f"{path}:") and not ran.stdout
            self.assertTrue(ran.returncode == 0 or told, f"{path}: {ran.stderr}")
            drawn += ran.returncode == 0
        self.assertEqual(len(files), 68)
        self.assertGreaterEqual(drawn, 45)

    def test_what_a_graph_shows(self):
        graph = self.draw(self.file("v.yaml", offline.HEAD + """
schedule: {on: {any: [{with: {type: a.b}}, {with: {type: c.d}}]}, every: {hours: 1}}
do:
  - each:
      for: {in: '${ .list }', each: one}
      while: .go
      do: [{ask: {call: agent, with: {agent: clerk, action: price}}}]
  - risky:
      try: [{boom: {raise: {error: {type: 'https://x/errors/odd', status: 400}}}}]
      catch: {errors: {with: {type: 'https://x/errors/odd'}}, retry: {delay: {seconds: 1}},
              do: [{mend: {set: {x: 1}}}]}
  - which: {switch: [{big: {when: .n > 5, then: end}}, {other: {then: both}}]}
  - both: {fork: {compete: true, branches: [{l: {set: {a: 1}}}, {r: {wait: {seconds: 1}}}]}}
"""))
        self.check(graph, "v.yaml")
        for part in ("for one in ${ .list }\\nwhile .go", "ask\\ncall clerk price", "on odd",
                     "retry",
                     "big\\n.n > 5", "fork, the first wins", "any of\\na.b\\nc.d", "every {",
                     "raise https://x/errors/odd", 'label="next"'):
            self.assertIn(part, graph)

    def test_texts_stay_in_their_labels(self):
        nasty = 'a"b\\\\c];evil [label=\\"x'
        graph = self.draw(self.file("v.yaml", offline.HEAD + (
            "do:\n  - 'a\"] ; x [': {set: {v: 1}}\n"
            "  - 'b\\N\\G': {wait: {seconds: 1}}\n"
            "  - sw: {switch: [{'q\"': {when: '.x == \"a\\\\\"', then: end}}]}\n"
            "  - zeichen: {raise: {error: {type: 'https://x/\u00fc" + "\u00e4" * 200 +
            "', status: 400}}}\n")))
        self.assertNotIn(nasty, graph)
        self.check(graph, "nasty")

    def test_a_picture_needs_graphviz_and_says_so(self):
        path = self.file("v.yaml", offline.HEAD + "do:\n  - a: {set: {x: 1}}\n")
        empty = os.path.join(self.folder.name, "empty")
        os.mkdir(empty)
        ran = self.run_cli("graph", path, "-o", "svg", path=empty)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("install the package graphviz", ran.stderr)
        if DOT:
            ran = self.run_cli("graph", path, "-o", "svg")
            self.assertEqual(ran.returncode, 0)
            self.assertIn("<svg", ran.stdout)
        self.assertEqual(self.run_cli("graph", path, "-o", "json").returncode, 2)
        self.assertEqual(self.run_cli("status", "-o", "svg").returncode, 2)

    def test_what_is_no_definition_is_told(self):
        ran = self.run_cli("graph", self.file("v.yaml", offline.HEAD + "do:\n  - a: {sett: 1}\n"))
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, r"v.yaml:3:\d+: ")
        ran = self.run_cli("graph", "/nowhere.yaml")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("cannot read '/nowhere.yaml'", ran.stderr)
        ran = self.run_cli("check", "/nowhere.yaml")
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(ran.stderr.count("\n"), 1, ran.stderr)


if __name__ == "__main__":
    unittest.main()
