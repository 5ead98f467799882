"""What the README says of simulations: its blocks of commands, run as they stand."""
import os
import re
import subprocess
import textwrap
import unittest

import offline

# Indented commands, an empty line, and between fences what they print.
BLOCK = re.compile(r"((?:^    [^\n]*\n|^\n)*^    [^\n]*\n)\n```\n(.*?)^```", re.M | re.S)


class Readme(offline.Case):
    def test_simulations_print_what_the_readme_shows(self):
        with open(os.path.join(offline.SOURCE, "README.md"), encoding="utf-8") as file:
            blocks = [(textwrap.dedent(commands), shown)
                      for commands, shown in BLOCK.findall(file.read())
                      if "mainstay simulate" in commands]
        self.assertGreaterEqual(len(blocks), 2)
        for commands, shown in blocks:
            script = commands.replace("/tmp/", self.folder.name + "/")
            ran = subprocess.run(
                ["bash", "-c", f'mainstay() {{ "{offline.MAINSTAY}" "$@"; }}\n{script}'],
                cwd=offline.SOURCE, capture_output=True, text=True, check=False, timeout=120,
                env=dict(os.environ, HOME=self.folder.name))
            self.assertTrue(ran.stdout.endswith(shown), f"{ran.stdout}{ran.stderr}\nnot\n{shown}")


if __name__ == "__main__":
    unittest.main()
