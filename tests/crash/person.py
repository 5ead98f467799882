"""Whoever runs the company while the campaign breaks it: answers `did it happen?` by what the
effect ledger has, and decides about the clock."""
import os
import socket
import threading

from company import Failure, wait_until

LOOK_S = 0.3
GATE_S = 180
PATIENT_MS = 60000
ANSWER_MS = 15000


class Person(threading.Thread):
    """Answers gates of kind in-doubt about effects that nobody else can be asked about."""

    def __init__(self, company):
        super().__init__(daemon=True)
        self.company = company
        self.gone = threading.Event()
        self.answers = {"yes": 0, "no": 0}
        self.refused = ""

    def run(self):
        while not self.gone.wait(LOOK_S):
            if self.company.scrape("coordinator").get("mainstay_gates_open", 1) == 0:
                continue  # a question over the bus costs a process
            try:
                for gate in self.company.ask("gates.ls", timeout_ms=2000)["gates"]:
                    if gate["kind"] == "in-doubt":
                        self.answer(gate)
            except (Failure, OSError) as failure:
                self.refused = str(failure)  # somebody is dead at the moment; the gate stays

    def stop(self):
        self.gone.set()
        self.join()

    def answer(self, gate):
        asked = self.company.ask("gates.describe", {"gate": gate["gate"]}, timeout_ms=2000)
        label = asked["input"]["label"]
        key = self.key_of(label)
        body = {"gate": gate["gate"], "verdict": "no" if key is None else "yes",
                "revision": gate["revision"], "digest": gate["digest"],
                "reason": "looked into the ledger"}
        if key is not None:
            body["value"] = {"key": key, "attempts": 1}
        self.company.ask("gates.verdict", body, timeout_ms=2000)
        self.answers[body["verdict"]] += 1

    def key_of(self, label):
        """The key under which it happened, or None. Whoever could still have it happen is dead, but
        its last words may be on their way: the ledger has read them before it answers twice."""
        with socket.create_connection(("127.0.0.1", self.company.ledger_port), 5) as ledger:
            for _ in range(2):
                ledger.sendall(b"? nobody\n")
                if not ledger.recv(64).startswith(b"known "):
                    raise Failure("the ledger does not answer")
        with open(os.path.join(self.company.ledger_folder, "effects"), encoding="ascii") as file:
            words = [line.split() for line in file if line.endswith("\n")]
        return next((word[0] for word in words if word[2:] == [label]), None)


def clock_gate(company):
    """The open gate about the clock, or None; None too while nobody answers."""
    try:
        gates = company.ask("gates.ls", timeout_ms=2000)["gates"]
    except Failure:
        return None
    return next((gate for gate in gates if gate["kind"] == "clock"), None)


def clock_asked(company):
    return wait_until(lambda: clock_gate(company), GATE_S, "somebody asks about the clock")


def clock_approve(company, gate):
    """A clock that was set back has the connection made anew, which loses what is asked just then
    or its answer: asked again, and then the gate may be closed already."""
    unanswered = []

    def approved():
        try:
            company.ask("gates.verdict", {"gate": gate["gate"], "verdict": "approve",
                                          "revision": gate["revision"], "digest": gate["digest"],
                                          "reason": "it is right now"}, timeout_ms=ANSWER_MS)
        except Failure as failure:
            if "Timeout" in str(failure):
                unanswered.append(failure)
                return False
            if not unanswered:
                raise
        return True
    wait_until(approved, GATE_S, "the verdict about the clock is taken")


def clock_settled(company):
    """No gate about the clock is open, and somebody is there to say so."""
    def settled():
        try:
            return all(gate["kind"] != "clock"
                       for gate in company.ask("gates.ls", timeout_ms=2000)["gates"])
        except Failure:
            return False
    wait_until(settled, GATE_S, "the question about the clock is closed")
