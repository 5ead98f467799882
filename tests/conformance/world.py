"""What one scenario has set up and caused, and how it looks at that."""
import time
import uuid

import documents
from office import (DEADLINE_S, FINAL, SLICE_MS, TIMED_OUT, Desk, Failed, Refused, Story,
                    events_of)

GATE_S = 5


def shown(value):
    text = repr(value)
    return text if len(text) <= 2000 else text[:2000] + "..."


class World:
    """What one scenario has set up and caused."""

    def __init__(self, crew, hosts, number, restarts):
        self.crew, self.restarts = crew, restarts
        self.isolation = documents.Isolation(number, hosts)
        self.desk = Desk(crew)
        self.definitions = []  # [text, name once it is deployed]
        self.input = {}
        self.instances = []    # what was started, in order; the first one is the workflow
        self.results = {}      # instance: how it ended
        self.event = None      # the answer to the last publication
        self.verdict_given = None
        self.watch = None
        self.doc = None        # of the step at hand

    def close(self):
        for instance in self.instances:
            if instance not in self.results:
                try:
                    self.desk.ask("instances.cancel", accept=range(100), instance=instance,
                                  reason="the scenario is over")
                except Failed:
                    pass  # the company says itself what is wrong
        self.desk.close()
        if self.watch is not None:
            self.watch.close()

    # ---- documents ----

    def value(self):
        if self.doc is None:
            raise Failed("this step needs a document below it")
        try:
            return documents.value_of(self.doc)
        except ValueError as error:
            raise Failed(str(error)) from None

    def definition(self):
        if not self.definitions:
            raise Failed("there is no workflow: 'Given a workflow with definition:' comes first")
        self.deploy()
        return self.definitions[0][1]

    def deploy(self):
        """The other workflows come first: the first may call them."""
        for entry in reversed(self.definitions):
            if entry[1] is None:
                try:
                    text = self.isolation.definition(entry[0])
                    entry[1] = self.desk.ask("deploy", text=text, file="")["definition"]
                except Refused as error:
                    raise Failed("the definition is refused:\n" + "\n".join(
                        place_of(problem) for problem in error.body.get("problems", []))
                        + error.words) from None

    # ---- what has become of the workflow ----

    @property
    def instance(self):
        if not self.instances:
            raise Failed("no workflow has been started")
        return self.instances[0]

    def wait(self, instance=None, person=False):
        """Until it has ended, or waits for a person. One that waits for a person although nobody
        asked for that gets some time: a deadline may decide."""
        instance = instance or self.instance
        if instance not in self.results:
            deadline = time.monotonic() + DEADLINE_S
            patience = time.monotonic() + (0 if person else GATE_S)
            while True:
                answer = self.desk.ask("wait", accept=(0, TIMED_OUT), instance=instance,
                                       timeout_ms=SLICE_MS)
                if answer["status"] in FINAL:
                    break
                if "gate" in answer:
                    if time.monotonic() > patience:
                        break
                    time.sleep(0.02)
                    continue
                if time.monotonic() > deadline:
                    raise Failed(f"it is still {answer['status']} after {DEADLINE_S} s; "
                                 f"tasks: {self.story(instance).names()}")
            answer = self.isolation.restored(answer)
            if answer["status"] not in FINAL:
                return answer
            self.results[instance] = answer
        return self.results[instance]

    def ended(self, status, instance=None):
        answer = self.wait(instance)
        if answer["status"] != status:
            raise Failed(f"it is {answer['status']}, not {status}: "
                         + shown(answer.get("error", answer.get("output", answer.get("gate")))))
        return answer

    def output(self):
        return self.ended("completed").get("output")

    def story(self, instance=None):
        return Story(self.isolation.restored(events_of(self.desk, instance or self.instance)),
                     documents.value_of(self.definitions[0][0]) if self.definitions else None)

    def finished_story(self):
        self.wait()
        return self.story()

    def until(self, condition, what):
        """Poll the journal for something that is about to happen."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            story = self.story()
            found = condition(story)
            if found:
                return found
            if time.monotonic() > deadline:
                raise Failed(f"{what}: not within {DEADLINE_S} s; tasks: {story.names()}")
            time.sleep(0.01)

    def instance_of(self, name):
        """The first instance of another workflow of the scenario, as soon as there is one."""
        full = next((deployed for _, deployed in self.definitions
                     if deployed and deployed.split("/")[1].split(":")[0] == name), None)
        if full is None:
            raise Failed(f"no workflow '{name}' is deployed")
        deadline = time.monotonic() + DEADLINE_S
        while True:
            rows = self.desk.ask("instances.ls", definition=full)["instances"]
            if rows:
                if rows[-1]["instance"] not in self.instances:
                    self.instances.append(rows[-1]["instance"])
                return rows[-1]["instance"]
            if time.monotonic() > deadline:
                raise Failed(f"'{name}' was not started within {DEADLINE_S} s")
            time.sleep(0.01)

    # ---- what can be done to it ----

    def start(self):
        answer = self.desk.ask("run", request_id=uuid.uuid4().hex, definition=self.definition(),
                               input=self.input)
        self.instances.append(answer["instance"])

    def publish(self, kind, **members):
        """An event; instances it started are the scenario's."""
        self.deploy()
        members["id"] = self.isolation.own(str(members.get("id", uuid.uuid4().hex)))
        self.event = self.desk.ask("emit", request_id=uuid.uuid4().hex,
                                   type=self.isolation.own(kind), **members)
        if self.event["outcome"] == "started":
            self.instances += self.event["instances"]

    def verdict(self, verdict, instance=None, **members):
        answer = self.wait(instance, person=True)
        if "gate" not in answer:
            raise Failed(f"no person is asked: it is {answer['status']}")
        gate = answer["gate"]
        gate = gate["gate"] if isinstance(gate, dict) else gate
        known = self.desk.ask("gates.describe", gate=gate)
        self.verdict_given = {"gate": gate, "verdict": verdict, "revision": known["revision"],
                              **members}
        self.desk.ask("gates.verdict", request_id=uuid.uuid4().hex, **self.verdict_given)


def place_of(problem):
    hint = f" ({problem['hint']})" if problem.get("hint") else ""
    return f"{problem.get('line', 0)}:{problem.get('column', 0)}: {problem['message']}{hint}\n"
