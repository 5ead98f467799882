"""What the kinds of faults share."""
import time


class Fault:
    """`world`: what the company must stand on (plain, proxied, mounted)."""

    world = "plain"

    def __init__(self, crash, rng):
        self.crash, self.company, self.rng = crash, crash.company, rng
        self.detail = ""

    def inject(self):
        raise NotImplementedError

    def pause(self, longest=0.1):
        time.sleep(self.rng.uniform(0, longest))  # the moment is random, that is the point

    def in_flight(self):
        return self.company.scrape("coordinator").get("mainstay_tasks_outstanding", 0) > 0
