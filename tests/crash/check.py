"""What must hold after the faults. Shares no code with the product: it reads the effect ledger's
file, what the drivers were answered, and asks the coordinator's own checks only on top of that."""
import collections

DIGEST_HEX = 64


class Findings:
    """What is wrong, counted by kind; the words are for a person."""

    def __init__(self):
        self.lost, self.doubled, self.unexplained = [], [], []

    def all(self):
        return self.lost + self.doubled + self.unexplained


def effects_read(path, findings):
    """[(key, digest, label)] of every attempt; a torn last line does not count."""
    with open(path, encoding="ascii", errors="replace") as file:
        text = file.read()
    attempts = []
    for number, line in enumerate(text[:text.rfind("\n") + 1].splitlines(), 1):
        words = line.split(" ")
        if len(words) not in (2, 3) or len(words[1]) != DIGEST_HEX:
            findings.unexplained.append(f"{path}:{number}: not a record of an effect")
            continue
        attempts.append((words[0], words[1], words[2] if len(words) == 3 else "-"))
    return attempts


def effects_check(attempts, expected, findings, once=()):
    """Every expected label under exactly one key and one payload, and no label nobody asked for.
    Those `once` were attempted a single time, too: their class asks before it repeats."""
    times = collections.Counter(label for _, _, label in attempts)
    keys_of = collections.defaultdict(set)
    digests_of = collections.defaultdict(set)
    labels_of = collections.defaultdict(set)
    for key, digest, label in attempts:
        keys_of[label].add(key)
        digests_of[key].add(digest)
        labels_of[key].add(label)
    for label in expected:
        count = len(keys_of.get(label, ()))
        if count == 0:
            findings.lost.append(f"effect {label} never happened")
        elif count > 1:
            findings.doubled.append(f"effect {label} happened {count} times, under different keys")
    for label in once:
        if times[label] > 1:
            findings.doubled.append(f"effect {label} was attempted {times[label]} times")
    for label in keys_of.keys() - expected:
        findings.unexplained.append(f"effect {label} happened and nobody asked for it")
    for key, digests in digests_of.items():
        if len(digests) > 1:
            findings.doubled.append(f"key {key} came with {len(digests)} payloads")
        if len(labels_of[key]) > 1:
            findings.doubled.append(f"key {key} stands for {sorted(labels_of[key])}")
    return {"effects": len(digests_of), "attempts": len(attempts)}


def loads_check(loads, findings):
    """Every workflow that was accepted ended as completed."""
    for load in loads:
        missing = load["workflows"] - load["completed"]
        if missing:
            findings.lost.append(f"{missing} workflows of {load['name']} did not complete")


def company_check(company, findings):
    """The coordinator's own words: its journal verifies, nothing is open or refused."""
    if not company.ask("journal.verify", timeout_ms=300000)["ok"]:
        findings.unexplained.append("the journal does not verify")
    status = company.ask("status", timeout_ms=60000)
    for what in ("running", "waiting", "suspended"):
        count = status["instances"].get(what, 0)
        if count:
            findings.unexplained.append(f"{count} instances are still {what}")
