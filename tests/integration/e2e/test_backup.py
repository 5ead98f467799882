"""A backup under load; everything is deleted; the restored company completes what it accepted."""
import json
import shutil
import threading

import company
from company import until

COUNT = """do:
  - first:
      call: agent
      with: {agent: tester, action: echo, contract: '1.0', input: '${ . }'}
  - second: {wait: {milliseconds: 100}}
  - third:
      call: agent
      with: {agent: tester, action: fail, contract: '1.0', input: '${ . }'}
"""
LISTEN = "do: [{l: {listen: {to: {one: {with: {type: go.on}}}}}}]\n"


class Backup(company.Case):
    def test_what_was_accepted_is_restored(self):
        it = self.company
        it.deploy("count", COUNT)
        it.deploy("listen", LISTEN)
        accepted, stop = [], threading.Event()
        waiting = [it.start("listen", {"n": n}) for n in range(3)]

        def load():
            while not stop.is_set():
                accepted.append(it.start("count", {"class": "transient", "times": 1}))

        thread = threading.Thread(target=load)
        thread.start()
        until(lambda: len(accepted) > 8, "the load runs")
        before = list(accepted)
        made = it.json("backup", it.root / "copy")
        stop.set()
        thread.join()
        self.assertGreaterEqual(made["stores"], 2)
        self.assertEqual(it.run("backup", it.root / "copy").code, 1, "a backup is not overwritten")
        ids = self.store_ids()
        it.down()

        self.assertEqual(it.run("restore", it.root / "copy").code, 1, "stores are not overwritten")
        for name in ("coordinator", "agents", "bus"):
            shutil.rmtree(it.dir / name)
        self.damaged()
        it.call("restore", it.root / "copy")
        it.up()
        for instance in before:
            self.assertEqual(it.wait(instance)["status"], "completed",
                             it.run("explain", instance).out)
        for instance in waiting:
            self.assertEqual(it.json("instances", "describe", instance)["status"], "waiting")
        it.call("emit", "go.on", "{}")
        until(lambda: all(it.json("instances", "describe", one)["status"] == "completed"
                          for one in waiting), "events continue what was restored")
        self.assertTrue(it.json("journal", "verify")["ok"])
        after = self.store_ids()
        self.assertNotEqual(ids, after, "a restored store is another one")
        it.call("agents", "restart", "coordinator")
        self.assertEqual(self.store_ids(), after, "and stays that one")
        self.goes_on()

    def store_ids(self):
        return self.company.json("status")["store"]

    def damaged(self):
        """A changed byte is found before anything is written."""
        it = self.company
        manifest = json.loads((it.root / "copy" / "manifest.json").read_text())
        name = manifest["stores"][0]["files"][0]["file"]
        path = it.root / "copy" / manifest["stores"][0]["name"] / name
        kept = path.read_bytes()
        path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        ran = it.run("restore", it.root / "copy")
        self.assertEqual(ran.code, 1)
        self.assertIn("digest differs", ran.err)
        self.assertFalse((it.dir / "coordinator").exists())
        path.write_bytes(kept)


if __name__ == "__main__":
    company.main()
