"""The steps: the words of the specification's kit, then our own words. README.md lists both."""
import json
import os
import re
import time
import uuid

import documents
from office import (DEADLINE_S, FINAL, SLICE_MS, TIMED_OUT, Desk, Failed, Refused, Story,
                    company, events_of, name_of, nats)

GATE_S = 5
STEPS = []  # (pattern, function)


def step(pattern):
    """A step's text, without its keyword; groups become arguments."""
    def keep(function):
        STEPS.append((re.compile(pattern + r"\s*$"), function))
        return function
    return keep


def find(text):
    """(function, arguments); None when nobody knows the step."""
    for pattern, function in STEPS:
        match = pattern.match(text)
        if match:
            return function, [group for group in match.groups() if group is not None]
    return None


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
        return Story(self.isolation.restored(events_of(self.desk, instance or self.instance)))

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


# ---- the kit: arrange and act ----

@step(r"(?:given )?a(?:nother)? workflow with definition:")
def given_definition(world):
    if world.doc is None:
        raise Failed("the definition is missing")
    world.definitions.append([world.doc, None])


@step(r"(?:given )?the workflow input is:")
def given_input(world):
    world.input = world.value()


@step(r"the workflow is executed")
def when_executed(world):
    world.start()


# ---- the kit: the workflow ----

@step(r"the workflow should cancel")
def then_cancel(world):
    world.ended("cancelled")


@step(r"the workflow should complete")
def then_complete(world):
    world.ended("completed")


@step(r"the workflow should complete with output:")
def then_complete_with(world):
    expect(world.output(), world.value(), "the output")


@step(r"the workflow should fault")
def then_fault(world):
    world.ended("faulted")


@step(r"the workflow should fault with error:")
def then_fault_with(world):
    expect_error(world.ended("faulted").get("error"), world.value())


def expect(got, wanted, what):
    if not documents.same(got, wanted):
        raise Failed(f"{what} is {shown(got)}, not {shown(wanted)}")


def expect_error(error, wanted):
    if not isinstance(error, dict) or not documents.error_like(error, wanted):
        raise Failed(f"the error is {shown(error)}, not {shown(wanted)}")


def property_of(world, path):
    output = world.output()
    value = documents.property_of(output, path)
    if value is documents.MISSING:
        raise Failed(f"the output {shown(output)} has no property '{path}'")
    return value


@step(r"the workflow output should have properties ('[^']+'(?:\s*,\s*'[^']+')*)")
def then_properties(world, names):
    for name in re.findall(r"'([^']+)'", names):
        property_of(world, name)


@step(r"the workflow output should have an? '([^']+)' property with value:")
def then_property(world, path):
    expect(property_of(world, path), world.value(), f"'{path}'")


@step(r"the workflow output should have an? '([^']+)' property containing (\d+) items?")
def then_items(world, path, count):
    value = property_of(world, path)
    if not isinstance(value, (list, dict)) or len(value) != int(count):
        raise Failed(f"'{path}' is {shown(value)}, not {count} items")


# ---- the kit: tasks ----

def position(story, name):
    if not story.of(name).starts:
        raise Failed(f"'{name}' has not run; there were {story.names()}")
    return story.of(name).starts[0]


@step(r"(\S+) should run first")
def then_first(world, name):
    story = world.finished_story()
    if not story.started() or story.started()[0][1] != name:
        raise Failed(f"the tasks ran in this order: {story.names()}")


@step(r"(\S+) should run last")
def then_last(world, name):
    story = world.finished_story()
    if not story.started() or story.started()[-1][1] != name:
        raise Failed(f"the tasks ran in this order: {story.names()}")


@step(r"(\S+) should run (before|after) (\S+)")
def then_order(world, name, how, other):
    story = world.finished_story()
    first, second = (name, other) if how == "before" else (other, name)
    if position(story, first) >= position(story, second):
        raise Failed(f"the tasks ran in this order: {story.names()}")


def task_ended(world, name, state):
    task = world.finished_story().of(name)
    if task.state != state:
        raise Failed(f"'{name}' is {task.state or 'still running'}, not {state}")
    return task


@step(r"(\S+) should cancel")
def then_task_cancel(world, name):
    task_ended(world, name, "cancelled")


@step(r"(\S+) should complete")
def then_task_complete(world, name):
    task_ended(world, name, "completed")


@step(r"(\S+) should complete with output:")
def then_task_output(world, name):
    expect(task_ended(world, name, "completed").output, world.value(), f"the output of '{name}'")


@step(r"(\S+) should fault")
def then_task_fault(world, name):
    task_ended(world, name, "faulted")


@step(r"(\S+) should fault with error:")
def then_task_error(world, name):
    expect_error(task_ended(world, name, "faulted").error, world.value())


# ---- ours: definitions ----

@step(r"the definition (?:is|should be) accepted")
def then_accepted(world):
    world.deploy()


def problem_lines(world):
    """`line:column: words` in the document: (place, words)."""
    for line in (world.doc or "").splitlines():
        if line.strip():
            match = re.match(r"\s*(\d+:\d+): (.*\S)", line)
            if match is None:
                raise Failed(f"'{line.strip()}' is not LINE:COLUMN: WORDS")
            yield match[1], match[2]


def expect_problems(problems, world, what):
    wanted = list(problem_lines(world))
    found = list(problems)
    told = "".join(map(place_of, problems)) or "none\n"
    for place, words in wanted:
        hit = next((problem for problem in found
                    if f"{problem.get('line', 0)}:{problem.get('column', 0)}" == place
                    and words in place_of(problem)), None)
        if hit is None:
            raise Failed(f"no {what} '{place}: {words}'; there are:\n{told}")
        found.remove(hit)
    if found:
        raise Failed(f"more {what}s than expected:\n{''.join(map(place_of, found))}")


@step(r"the definition (?:is|should be) refused with:")
def then_refused(world):
    """The definition is given as it stands, so places are those of the scenario's text."""
    try:
        world.desk.ask("deploy", text=world.definitions[-1][0], file="")
    except Refused as error:
        expect_problems(error.body.get("problems", []), world, "problem")
        return
    raise Failed("the definition is accepted")


@step(r"the definition (?:is|should be) accepted with warnings:")
def then_warned(world):
    answer = world.desk.ask("deploy", text=world.definitions[-1][0], file="")
    expect_problems(answer["warnings"], world, "warning")


# ---- ours: versions ----

@step(r"the definition is replaced by:")
def when_replaced(world):
    """Deployed at the next step that needs it; what runs goes on."""
    world.definitions[0] = [world.doc, None]


@step(r"the definition is deployed again")
def when_again(world):
    world.definitions[0][1] = None
    world.deploy()


@step(r"the deployment should be refused with '(.*)'")
def then_not_deployed(world, words):
    try:
        world.desk.ask("deploy", text=world.isolation.definition(world.definitions[0][0]), file="")
    except Refused as error:
        if words not in error.words:
            raise Failed(f"it is refused with: {error.words}") from None
        return
    raise Failed("it is accepted")


def version_of(world, version):
    deployed = next((name for _, name in world.definitions if name), None)
    if deployed is None:
        raise Failed("nothing is deployed yet")
    return deployed.split(":")[0] + ":" + version


@step(r"version '([^']+)' is retired")
def when_retired(world, version):
    world.desk.ask("definitions.retire", request_id=uuid.uuid4().hex,
                   definition=version_of(world, version), reason="the scenario says so")


@step(r"version '([^']+)' of '([^']+)' is retired")
def when_other_retired(world, version, name):
    full = next(found for _, found in world.definitions if f"/{name}:" in (found or ""))
    world.desk.ask("definitions.retire", request_id=uuid.uuid4().hex, reason="the scenario says so",
                   definition=full.split(":")[0] + ":" + version)


@step(r"version '([^']+)' is retired by force")
def when_forced(world, version):
    world.desk.ask("definitions.retire", request_id=uuid.uuid4().hex, force=True,
                   definition=version_of(world, version), reason="the scenario says so")


@step(r"retiring version '([^']+)' should be refused")
def then_not_retired(world, version):
    try:
        when_retired(world, version)
    except Refused:
        return
    raise Failed("it is retired")


def migrate(world, version):
    world.deploy()
    answer = world.desk.ask("instances.migrate", request_id=uuid.uuid4().hex, to=version,
                            instances=[world.instance], reason="the scenario says so")
    return answer["instances"][0]


@step(r"the workflow is migrated to version '([^']+)'")
def when_migrated(world, version):
    row = migrate(world, version)
    if not row["moves"]:
        raise Failed(f"it stays: {row.get('why')}")


@step(r"the workflow should not migrate to version '([^']+)'")
def then_not_migrated(world, version):
    row = migrate(world, version)
    if row["moves"]:
        raise Failed("it has moved")


# ---- ours: more about the end ----

@step(r"the workflow should fault with error matching:")
def then_fault_matching(world):
    """Texts are regular expressions that must match the whole member."""
    error = world.ended("faulted").get("error") or {}
    for key, pattern in world.value().items():
        if not re.fullmatch(str(pattern), str(documents.canonical_type(error.get(key))), re.S):
            raise Failed(f"the error is {shown(error)}, its '{key}' does not match {pattern}")


@step(r"the workflow output should have an? '([^']+)' property matching '(.*)'")
def then_matching(world, path, pattern):
    value = property_of(world, path)
    if not re.fullmatch(pattern, value if isinstance(value, str) else documents.json.dumps(value)):
        raise Failed(f"'{path}' is {shown(value)}, which does not match {pattern}")


@step(r"(\S+) should not run")
def then_not_run(world, name):
    story = world.finished_story()
    if name in story.tasks and story.tasks[name].starts:
        raise Failed(f"'{name}' has run")


@step(r"(\S+) should run (\d+) times?")
def then_times(world, name, count):
    story = world.finished_story()
    starts = len(story.tasks[name].starts) if name in story.tasks else 0
    if starts != int(count):
        raise Failed(f"'{name}' has run {starts} times; there were {story.names()}")


@step(r"(\S+) should be skipped")
def then_skipped(world, name):
    task_ended(world, name, "skipped")


@step(r"(\S+) should be retried (\d+) times?")
def then_retried(world, name, count):
    task = world.finished_story().of(name)
    if len(task.delays) != int(count):
        raise Failed(f"'{name}' was retried {len(task.delays)} times")


@step(r"the retries of (\S+) should wait (\d+(?:, \d+)*) ms")
def then_delays(world, name, delays):
    task = world.finished_story().of(name)
    if task.delays != [int(delay) for delay in delays.split(",")]:
        raise Failed(f"the retries of '{name}' waited {task.delays} ms")


@step(r"the retries of (\S+) should wait between (\d+) and (\d+) ms")
def then_jitter(world, name, least, most):
    task = world.finished_story().of(name)
    if not task.delays or not all(int(least) <= delay <= int(most) for delay in task.delays):
        raise Failed(f"the retries of '{name}' waited {task.delays} ms")


# ---- ours: while it runs ----

@step(r"the workflow is deployed")
def when_deployed(world):
    world.definition()


@step(r"the workflow is cancelled")
def when_cancelled(world):
    world.desk.ask("instances.cancel", request_id=uuid.uuid4().hex, instance=world.instance,
                   reason="the scenario says so")


@step(r"the workflow '([^']+)' is cancelled")
def when_other_cancelled(world, name):
    world.desk.ask("instances.cancel", request_id=uuid.uuid4().hex,
                   instance=world.instance_of(name), reason="the scenario says so")


@step(r"(\S+) has started")
def when_started(world, name):
    world.until(lambda story: name in story.tasks and story.tasks[name].starts,
                f"'{name}' starts")


@step(r"(\S+) has completed")
def when_completed(world, name):
    world.until(lambda story: name in story.tasks and story.tasks[name].state == "completed",
                f"'{name}' completes")


@step(r"the workflow should be (running|waiting|suspended)")
def then_status(world, status):
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = world.desk.ask("instances.describe", instance=world.instance)["status"]
        if found == status:
            return
        if found in FINAL or time.monotonic() > deadline:
            raise Failed(f"it is {found}, not {status}")
        time.sleep(0.01)


@step(r"the coordinator is restarted")
def when_restarted(world):
    world.restarts.wait()


# ---- ours: events ----

@step(r"the event '([^']+)' is published")
def when_published(world, kind):
    world.publish(kind)


@step(r"the event '([^']+)' is published with data:")
def when_published_data(world, kind):
    world.publish(kind, data=world.value())


@step(r"the event '([^']+)' is published with attributes:")
def when_published_attributes(world, kind):
    world.publish(kind, **world.value())


@step(r"the event should be (started|continued|buffered|duplicate)")
def then_event(world, outcome):
    if world.event is None or world.event["outcome"] != outcome:
        raise Failed(f"the event is {world.event and world.event['outcome']}, not {outcome}")


def emitted(world, kind):
    world.wait()
    found = [event.get("value") for event in world.story().events
             if event["kind"] == "event-emitted" and event.get("name") == kind]
    if not found:
        raise Failed(f"no event '{kind}' was published")
    return found


@step(r"the event '([^']+)' should be published")
def then_emitted(world, kind):
    emitted(world, kind)


@step(r"the event '([^']+)' should be published with data:")
def then_emitted_data(world, kind):
    wanted = world.value()
    found = [event.get("data") for event in emitted(world, kind)]
    if not any(documents.same(data, wanted) for data in found):
        raise Failed(f"'{kind}' was published with {shown(found)}, not {shown(wanted)}")


@step(r"(\d+) workflows? should have been started")
def then_count(world, count):
    if len(world.instances) != int(count):
        raise Failed(f"{len(world.instances)} workflows were started")


@step(r"all workflows should complete with output:")
def then_all(world):
    for instance in world.instances:
        expect(world.ended("completed", instance).get("output"), world.value(), "the output")


@step(r"the last workflow should complete with output:")
def then_last_output(world):
    if not world.instances:
        raise Failed("no workflow has been started")
    expect(world.ended("completed", world.instances[-1]).get("output"), world.value(),
           "the output")


@step(r"the workflow '([^']+)' should (complete|fault|cancel)")
def then_other_ended(world, name, how):
    world.ended({"complete": "completed", "fault": "faulted", "cancel": "cancelled"}[how],
                world.instance_of(name))


@step(r"the workflow '([^']+)' should have run (\d+) times?")
def then_other_count(world, name, count):
    world.instance_of(name)
    full = next(found for _, found in world.definitions if f"/{name}:" in (found or ""))
    rows = world.desk.ask("instances.ls", definition=full)["instances"]
    if len(rows) != int(count):
        raise Failed(f"'{name}' has run {len(rows)} times")


@step(r"the workflow '([^']+)' should complete with output:")
def then_other(world, name):
    answer = world.ended("completed", world.instance_of(name))
    expect(answer.get("output"), world.value(), f"the output of '{name}'")


@step(r"the workflow '([^']+)' (?:is|should be) (running|waiting|suspended)")
def then_other_status(world, name, status):
    instance = world.instance_of(name)
    deadline = time.monotonic() + DEADLINE_S
    while world.desk.ask("instances.describe", instance=instance)["status"] != status:
        if time.monotonic() > deadline:
            raise Failed(f"it is not {status} within {DEADLINE_S} s")
        time.sleep(0.01)


# ---- ours: lifecycle events ----

@step(r"lifecycle events are watched")
def given_watched(world):
    """With the right that outsiders have; told apart by the namespace in the subject."""
    world.watch = nats.Client(world.crew.url, os.path.join(world.crew.creds, "events.creds"))
    namespace = documents.value_of(world.definitions[0][0])["document"]["namespace"]
    world.watch.send(f"SUB lifecycle.{world.isolation.own(namespace)}.> 1\r\n".encode())
    world.watch.flush()


@step(r"these lifecycle events should be published:")
def then_lifecycle(world):
    """Rows TYPE or TYPE TASK, in any order, and no others until the workflow has ended."""
    world.wait(person=True)
    wanted = sorted(world.value())
    found = []
    while len(found) < len(wanted):
        try:
            value = json.loads(world.watch.next()[1])
        except OSError:
            break
        for event in value if isinstance(value, list) else [value]:
            kind = event["type"].removeprefix("io.serverlessworkflow.").removesuffix(".v1")
            task = event["data"].get("task")
            found.append(kind if task is None else f"{kind} {task}")
    if sorted(found) != wanted:
        raise Failed(f"these are: {sorted(found)}")


# ---- ours: effects that are undone ----

def undone(story):
    """(task, idempotency key of the effect, that of what undid it, its input), in order."""
    keys, began, found = {}, {}, []
    for event in story.events:
        if event["kind"] == "compensation-registered":
            keys[event["key"]] = event["id"]
        elif event["kind"] == "compensation-started" and event["outcome"] == "undo":
            began[event["key"]] = event
        elif event["kind"] == "compensation-ended" and event["outcome"] == "compensated":
            begin = began[event["key"]]
            found.append((name_of(event["source"]), keys[event["key"]], begin["id"],
                          begin.get("output")))
    return found


@step(r"these effects should be undone:")
def then_undone(world):
    """Tasks, in the order of undoing: these and no others. An undoing's key is the effect's."""
    found = undone(world.finished_story())
    expect([task for task, _, _, _ in found], world.value(), "what was undone")
    for task, effect, key, _ in found:
        if not re.fullmatch(re.escape(effect) + r"#undo(\.[0-9]+)?", key):
            raise Failed(f"the effect of '{task}' has the key {effect} and is undone under {key}")


@step(r"no effect should be undone")
def then_nothing_undone(world):
    expect([task for task, _, _, _ in undone(world.finished_story())], [], "what was undone")


@step(r"(\S+) should be undone with:")
def then_undone_with(world, name):
    values = [value for task, _, _, value in undone(world.finished_story()) if task == name]
    if not values:
        raise Failed(f"the effect of '{name}' was not undone")
    expect(values[-1], world.value(), f"the input of what undoes '{name}'")


@step(r"(\S+) should be undone before (\S+) runs")
def then_undone_before(world, name, other):
    story = world.finished_story()
    places = [place for place, event in enumerate(story.events)
              if event["kind"] == "compensation-ended" and event["outcome"] == "compensated"
              and name_of(event["source"]) == name]
    if not places or places[0] > position(story, other):
        raise Failed(f"'{name}' was undone at {places} and '{other}' ran at "
                     f"{position(story, other)} of the journal")


@step(r"the effect of (\S+) should be (kept|none)")
def then_kept(world, name, how):
    states = [event["outcome"] for event in world.finished_story().events
              if event["kind"] == "compensation-ended" and name_of(event["source"]) == name]
    if states[-1:] != [how]:
        raise Failed(f"it is {states or 'not undone'}, not {how}")


# ---- ours: people ----

@step(r"a person should be asked")
def then_asked(world):
    answer = world.wait(person=True)
    if "gate" not in answer:
        raise Failed(f"no person is asked: it is {answer['status']}, "
                     + shown(answer.get("error", answer.get("output"))))


@step(r"the person approves")
def when_approved(world):
    world.verdict("approve")


@step(r"the person approves in '([^']+)'")
def when_approved_in(world, name):
    world.verdict("approve", world.instance_of(name))


@step(r"the person rejects")
def when_rejected(world):
    world.verdict("reject", reason="the scenario says so")


@step(r"the person says yes")
def when_yes(world):
    world.verdict("yes", reason="the scenario says so")


@step(r"the same verdict should be refused")
def then_once(world):
    try:
        world.desk.ask("gates.verdict", request_id=uuid.uuid4().hex, **world.verdict_given)
    except Refused:
        return
    raise Failed("it is taken a second time")


@step(r"the person's approval should be refused")
def then_not_approved(world):
    try:
        world.verdict("approve")
    except Refused:
        return
    raise Failed("it is taken")


@step(r"the person edits:")
def when_edited(world):
    world.verdict("edit", value=world.value())


def carry_out(world, steps):
    """Runs the steps; Failed names the one that did not hold."""
    for todo in steps:
        found = find(todo.text)
        if found is None:
            raise Failed(f"line {todo.line}: no such step: {todo.text}")
        function, arguments = found
        world.doc = todo.doc
        try:
            function(world, *arguments)
        except (Failed, company.Failure) as error:
            raise Failed(f"line {todo.line}: {todo.text}\n{error}") from None
