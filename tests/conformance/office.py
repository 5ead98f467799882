"""The company that scenarios run in, and one scenario's dealings with it."""
import concurrent.futures
import datetime
import json
import os
import re
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(1, os.path.join(HERE, "..", "integration", "e2e"))

import company  # noqa: E402
import nats  # noqa: E402
import protobuf  # noqa: E402

DEADLINE_S = 60  # generous: of a sanitized build on a busy machine
SLICE_MS = 5000
TIMED_OUT = 4  # common/base/errors.def
FINAL = ("completed", "faulted", "cancelled")


class Failed(Exception):
    """A scenario's step that did not hold: why."""


class Refused(Failed):
    """A request the coordinator answered with an error."""

    def __init__(self, verb, words, body):
        super().__init__(f"{verb} was refused: {words}")
        self.words, self.body = words, body


class Desk:
    """Questions to the coordinator from one thread."""

    def __init__(self, crew):
        self.crew, self.client = crew, None

    def ask(self, verb, request_id="", accept=(0,), **body):
        """The answer's body. While bus or coordinator are away the question is asked again."""
        packed = protobuf.encode([(1, 1), (2, request_id), (3, "conformance"),
                                  (4, json.dumps(body))])
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                if self.client is None:
                    creds = os.path.join(self.crew.creds, "operator.creds")
                    self.client = nats.Client(self.crew.url, creds)
                reply = protobuf.decode(self.client.request("control." + verb, packed))
                break
            except OSError as error:
                self.close()
                if time.monotonic() > deadline:
                    raise Failed(f"control.{verb} is not answered: {error}") from None
                time.sleep(0.02)
        code, words = reply.get(2, 0), reply.get(3, b"").decode()
        answer = json.loads(reply.get(4) or b"{}")
        if code not in accept:
            raise Refused(verb, words, answer)
        return answer

    def close(self):
        if self.client is not None:
            self.client.close()
            self.client = None


class Restarts:
    """Restarts of the coordinator disturb everybody: scenarios that need one stop at it, and when
    all who will come are there it happens once for all of them. A child dies with the thread that
    started it, so one that lives until close() starts the coordinator."""

    def __init__(self, crew, expected):
        self.thread = concurrent.futures.ThreadPoolExecutor(1)
        self.crew, self.expected = crew, expected
        self.waiting, self.rounds = 0, 0
        self.turn = threading.Condition()

    def happen(self):
        """Called with the lock held, when nobody is missing any more."""
        try:
            self.crew.coordinator.kill()
            self.thread.submit(self.crew.start_coordinator).result()
        finally:
            self.waiting = 0
            self.rounds += 1
            self.turn.notify_all()

    def wait(self):
        with self.turn:
            self.waiting += 1
            if self.waiting == self.expected:
                self.happen()
                return
            round_before = self.rounds
            while self.rounds == round_before:
                if not self.turn.wait(10 * DEADLINE_S):
                    raise Failed("the coordinator was not restarted")

    def leave(self):
        """A scenario is over and needs no further restart."""
        with self.turn:
            self.expected -= 1
            if self.waiting > 0 and self.waiting == self.expected:
                self.happen()

    def close(self):
        self.thread.shutdown()


# ---- the journal of an instance ----

class Task:
    """What the journal says about one task of an instance, all its activations together."""

    def __init__(self, name):
        self.name = name
        self.starts = []     # places in the journal
        self.state = None    # completed, faulted, cancelled, skipped, None while it runs
        self.output = None
        self.error = None
        self.delays = []     # in ms, before each retry


def pointer_of(step):
    """A step's pointer without iteration path and activation."""
    return step.split("[")[0].split("#")[0]


def name_of(step):
    return pointer_of(step).rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")


def milliseconds(text):
    """Of an RFC 3339 time in UTC."""
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


class Story:
    """The tasks of an instance in the order in which they started."""

    def __init__(self, events, definition=None):
        self.tasks, self.data = {}, {}
        self.definition = definition
        self.heard = set()  # pointers of listens that have heard something
        self.rounds = {}    # outputs of the iterations of a listen
        self.events = events
        for place, event in enumerate(events):
            if event.get("step", "/") != "/":
                self.take(place, event)

    def branch_of(self, pointer):
        """The task of a branch that was taken down before its task began, else None."""
        value = self.definition
        try:
            for part in pointer.split("/")[1:]:
                value = value[int(part) if isinstance(value, list) else
                              part.replace("~1", "/").replace("~0", "~")]
            (name,) = value
        except (KeyError, IndexError, TypeError, ValueError):
            return None
        return name if re.search("/fork/branches/[0-9]+$", pointer) else None

    def task(self, event):
        name = name_of(event["step"])
        return self.tasks.setdefault(name, Task(name))

    def ended(self, event, state, output=None):
        task = self.task(event)
        task.state, task.output = state, output
        parent = pointer_of(event["step"]).rsplit("/", 1)[0]
        while parent and not (parent in self.data and parent != pointer_of(event["step"])):
            parent = parent.rsplit("/", 1)[0]
        if parent and state == "completed":
            self.data[parent] = output

    def take(self, place, event):
        """The output of a task is in its last event, or is the data it worked on until then."""
        kind, pointer = event["kind"], pointer_of(event["step"])
        if kind == "step-started":
            task = self.task(event)
            task.starts.append(place)
            task.state = None
            self.data[pointer] = event.get("value", event.get("input"))
            self.heard.discard(pointer)
            self.rounds.pop(pointer, None)
        elif kind == "step-ran":
            self.task(event).starts.append(place)
            self.ended(event, "completed", event.get("output"))
        elif kind == "step-completed":
            data = self.rounds.get(pointer, self.data.get(pointer))
            self.ended(event, "completed", event.get("output", data))
        elif kind == "step-skipped":
            self.ended(event, "skipped")
        elif kind == "step-cancelled":
            branch = self.branch_of(pointer)
            if branch is None:
                self.ended(event, "cancelled")
            elif branch not in self.tasks:
                self.tasks[branch] = Task(branch)
                self.tasks[branch].state = "cancelled"
        elif kind == "step-faulted":
            task = self.task(event)
            if pointer not in self.data:
                task.starts.append(place)
            self.ended(event, "faulted")
            task.error = event.get("error")
        elif kind in ("step-retry", "try-retry"):
            task = self.task(event)
            task.delays.append(milliseconds(event["due"]) - milliseconds(event["at"]))
        elif kind == "step-result" and event.get("outcome") == "done":
            self.data[pointer] = event.get("output")
        elif kind == "iteration-ended":
            self.rounds.setdefault(pointer, []).append(event.get("output", self.data.get(pointer)))
        elif kind == "event-consumed":
            before = self.data.get(pointer)
            self.data[pointer] = [*(before if pointer in self.heard else []), event.get("value")]
            self.heard.add(pointer)

    def started(self):
        """(place, task) of every start, in order."""
        return sorted((place, task.name) for task in self.tasks.values() for place in task.starts)

    def of(self, name):
        task = self.tasks.get(name)
        if task is None:
            raise Failed(f"no task '{name}' has run; there were {self.names()}")
        return task

    def names(self):
        return ", ".join(name for _, name in self.started()) or "none"


def events_of(desk, instance):
    """The events of an instance, in order."""
    events, after = [], 0
    while after is not None:
        answer = desk.ask("journal.tail", instance=instance, after=after, limit=1000)
        for batch in answer["batches"]:
            events += [{**event, "at": batch["at"]} for event in batch["events"]]
        after = answer.get("next")
    return events
