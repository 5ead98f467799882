"""Leases on entities through real processes, with the coordinator killed while one is held."""
import company

HELD = """do:
  - post:
      call: lock
      with:
        entity: ${ "invoice/" + .invoice }
        ttl: PT1H
        do:
          - word: {listen: {to: {one: {with: {type: e2e.go, data: '${ .who == $input.who }'}}}}}
"""

CROSSED = """do:
  - outer:
      call: lock
      with:
        entity: ${ .first }
        ttl: PT1H
        do:
          - word: {listen: {to: {one: {with: {type: e2e.go, data: '${ .who == $input.who }'}}}},
                   output: {as: '${ $input }'}}
          - inner:
              call: lock
              with: {entity: '${ .second }', ttl: PT1H, do: [{in: {set: {a: 1}}}]}
"""

SHORT = """do:
  - post: {call: lock, with: {entity: short, ttl: PT0.2S, do: [{long: {wait: {hours: 1}}}]}}
"""


class Locks(company.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.deploy("held", HELD)
        cls.company.deploy("crossed", CROSSED)
        cls.company.deploy("short", SHORT)

    def rows(self, *entity):
        return self.company.json("locks", "ls", *entity)["locks"]

    def states(self, *entity):
        return [(row["state"], row["instance"]) for row in self.rows(*entity)]

    def go(self, who):
        self.company.call("emit", "e2e.go", '{"who": "%s"}' % who)

    def test_order_outlives_the_coordinator(self):
        names = ("a", "b", "c")
        ids = {who: self.company.start("held", {"invoice": "7", "who": who}) for who in names}
        company.until(lambda: len(self.rows("invoice/7")) == 3, "all have come")
        order = [("held", ids["a"]), ("waits", ids["b"]), ("waits", ids["c"])]
        self.assertEqual(self.states("invoice/7"), order)
        reason = self.company.json("instances", "describe", ids["b"])["reason"]
        self.assertIn(f"waits for the lock on invoice/7, held by instance {ids['a']} at /do/0/post",
                      reason)
        self.assertGreaterEqual(self.company.metric("mainstay_locks_held"), 1)
        self.assertGreaterEqual(self.company.metric("mainstay_locks_waiting"), 2)
        for who in names:
            self.company.kill("coordinator")
            self.company.answers()
            self.assertEqual(self.states("invoice/7"), order)
            self.go(who)
            self.assertEqual(self.company.wait(ids[who])["status"], "completed")
            order = [("held", instance) for _, instance in order[1:2]] + order[2:]
            company.until(lambda: self.states("invoice/7") == order, "the next one has it")
        self.assertIn("has the lock on invoice/7", self.company.call("explain", ids["a"]).out)
        self.assertIn("has the lock on invoice/7 now", self.company.call("explain", ids["b"]).out)
        self.assertIn("no entity is locked", self.company.call("locks", "ls", "invoice/7").out)

    def test_a_cancelled_holder_frees_it(self):
        first = self.company.start("held", {"invoice": "8", "who": "d"})
        company.until(lambda: len(self.rows("invoice/8")) == 1, "the first one has it")
        second = self.company.start("held", {"invoice": "8", "who": "e"})
        company.until(lambda: len(self.rows("invoice/8")) == 2, "the second one waits")
        self.company.call("instances", "cancel", first)
        company.until(lambda: self.states("invoice/8") == [("held", second)], "it is free")
        self.company.call("instances", "kill", second)
        company.until(lambda: self.rows("invoice/8") == [], "nobody has it")

    def test_a_circle_is_refused_by_name(self):
        one = self.company.start("crossed", {"first": "x", "second": "y", "who": "f"})
        two = self.company.start("crossed", {"first": "y", "second": "x", "who": "g"})
        company.until(lambda: len(self.rows()) == 2, "both hold one")
        self.go("f")
        company.until(lambda: len(self.rows("y")) == 2, "one waits for the other")
        self.company.kill("coordinator")
        self.company.answers()
        self.go("g")
        error = self.company.wait(two)["error"]
        self.assertEqual(error["status"], 409)
        self.assertIn(f"it waits for 'x', which step /do/0/outer of instance {one} holds",
                      error["detail"])
        self.assertEqual(self.company.wait(one)["status"], "completed")

    def test_a_lease_ends_at_its_deadline(self):
        instance = self.company.start("short", {})
        error = self.company.wait(instance)["error"]
        self.assertEqual(error["status"], 408)
        self.assertGreaterEqual(self.company.metric("mainstay_locks_expired_total"), 1)


if __name__ == "__main__":
    company.main()
