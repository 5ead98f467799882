"""Files nats-server cannot use: `mainstay up` sets them aside, and everything is sent again."""
import os
import signal
import unittest

import company
from company import ACT, until

LONG_S = 300  # a stream is silent for half a minute before anybody believes it
SERVER = str(company.SOURCE / "tests" / "integration" / "e2e" / "stuck_nats_server.py")


class BusFiles(company.Case):
    options = ("--nats-server", SERVER, "--without", "connector", "--without", "extraction",
               "--without", "reconciliation")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("slow", ACT % "slow")

    def setUp(self):
        for folder in self.aside():
            os.rename(folder, self.company.root / f"seen-{self.id()}")

    def damage(self, ill):
        """From its next start on nats-server is ill."""
        (self.company.dir / "bus" / ill).write_text("")

    def aside(self):
        return sorted(self.company.dir.glob("bus.damaged-*"))

    def said(self, name="mainstay"):
        return (self.company.dir / "log" / f"{name}.log").read_text()

    def begins_empty(self, ill, work):
        """The files are set aside with what made them ill, and work under way completes."""
        until(self.aside, "the files are set aside", LONG_S)
        self.assertTrue((self.aside()[0] / ill).exists())
        self.assertTrue((self.aside()[0] / "jetstream").is_dir(), "all of it is kept")
        self.assertEqual(self.company.wait(work)["status"], "completed")
        self.assertEqual(len(self.aside()), 1)
        self.assertIn(str(self.aside()[0]), self.said())
        self.assertTrue(self.company.json("journal", "verify")["ok"])

    def test_it_ends_at_each_start(self):
        work = self.company.start("slow", {"ms": 300})
        self.damage("ends")
        self.company.kill("nats-server")
        self.begins_empty("ends", work)

    def test_it_ends_at_each_start_of_the_company(self):
        work = self.company.start("slow", {"ms": 5000})
        self.company.down()
        self.damage("ends")
        self.company.up()
        self.begins_empty("ends", work)

    def test_it_never_answers_for_a_stream(self):
        work = self.company.start("slow", {"ms": 300})
        self.damage("stuck")
        self.company.kill("nats-server")
        self.begins_empty("stuck", work)
        self.assertIn("has not answered for stream TASKS in", self.said("coordinator"))

    def test_it_never_answers_who_takes_events(self):
        """The stream itself is answered for; only its consumer is stuck."""
        work = self.company.start("slow", {"ms": 300})
        self.damage("dumb")
        self.company.kill("nats-server")
        self.begins_empty("dumb", work)
        self.assertIn("has not answered for stream EVENTS in", self.said("coordinator"))

    def test_it_never_answers_who_publishes_a_task(self):
        """The agent stands still, so that its task is sent again with each new connection."""
        tester = self.company.pid("tester")
        os.kill(tester, signal.SIGSTOP)
        try:
            work = self.company.start("slow", {"ms": 300})
            self.damage("deaf")
            self.company.kill("nats-server")
            until(self.aside, "the files are set aside", seconds=LONG_S)
        finally:
            os.kill(tester, signal.SIGCONT)
        self.begins_empty("deaf", work)

    def test_it_never_ends_to_delete_a_stream(self):
        """It says there is none, which was taken for an answer, but takes what is published."""
        work = self.company.start("slow", {"ms": 3000})
        self.damage("gone")
        self.company.kill("nats-server")
        self.begins_empty("gone", work)

    def test_another_cause_leaves_the_files_where_they_are(self):
        """Empty ones do not help either: a port that is taken, a program that cannot run."""
        self.company.down()
        (self.company.dir / "bus" / "own").write_text("")
        broken = self.company.file("broken", "#!/bin/sh\n[ \"$1\" = --version ] && exec "
                                   f"{SERVER} --version\necho the port is taken\nexit 1\n")
        broken.chmod(0o700)
        ran = self.company.run("up", "--detach", "--nats-server", broken)
        self.assertEqual(ran.code, 1, ran.out)
        self.assertIn("the port is taken", ran.err)
        self.assertEqual(self.aside(), [])
        self.assertTrue((self.company.dir / "bus" / "own").exists())
        self.assertIn("nats-server ends without its files too", self.said())
        self.company.up()

    def test_there_is_an_end_to_what_is_kept(self):
        """Nothing is deleted, so nothing is set aside any more when three sets of files are."""
        self.company.down()
        for number in range(3):
            (self.company.dir / f"bus.damaged-{number}").mkdir()
        self.damage("ends")
        ran = self.company.run("up", "--detach", *self.options)
        self.assertEqual(ran.code, 1, ran.out)
        self.assertEqual(len(self.aside()), 3)
        self.assertIn("look at them and take them away", self.said())
        for folder in self.aside():
            folder.rmdir()
        self.company.up()
        self.assertEqual(len(self.aside()), 1)


if __name__ == "__main__":
    unittest.TestLoader.sortTestMethodsUsing = None
    company.main()
