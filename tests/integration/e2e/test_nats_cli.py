"""The nats CLI is an injector like any other: the same events, the same outcomes as `emit`."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import company
from company import DATA, SOURCE, until

UBL = DATA / "ubl" / "ubl-tc434-example1.xml"
X12 = DATA / "x12" / "staedi" / "ts210_80char.edi"
AUDIT = "logistics/invoice-audit"
NATS = shutil.which("nats", path=f"{os.environ['PATH']}:{SOURCE}/build/tools/bin")
WHY = "the nats CLI is neither in PATH nor in build/tools/bin; tools/test --only nats builds it"


@unittest.skipIf(NATS is None and os.environ.get("CI") != "true", WHY)
class NatsCli(company.Case):
    processes = ("invoice-audit",)

    @classmethod
    def setUpClass(cls):
        if NATS is None:
            raise AssertionError(WHY)
        super().setUpClass()
        cls.shell_env = {**cls.company.env, "NATS_CONTEXT": "mainstay",
                         "PATH": f"{pathlib.Path(NATS).parent}:{os.environ['PATH']}"}
        cls.company.deploy("note", "schedule: {on: {one: {with: {type: note.taken}}}}\n"
                                   "do:\n  - keep: {set: {note: '${ $workflow.input[0].data }'}}\n")

    def shell(self, command, document=None):
        """What a person types, in a folder where FILE is the document."""
        folder = self.company.root / "shell"
        folder.mkdir(exist_ok=True)
        if document is not None:
            (folder / "FILE").write_bytes(document)
        ran = subprocess.run(["bash", "-c", command], env=self.shell_env, cwd=folder, text=True,
                             capture_output=True, timeout=company.DEADLINE_S, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def ended(self, definition, act):
        """What became of the one instance that `act` starts: its status and output."""
        before = {row["instance"] for row in self.company.instances(definition)}
        act()

        def fresh():
            return [row["instance"] for row in self.company.instances(definition)
                    if row["instance"] not in before]
        started = until(fresh, f"an instance of {definition}")
        self.assertEqual(len(started), 1)
        answer = self.company.wait(started[0])
        return answer["status"], answer.get("output")

    def refused(self, command, document=None):
        """The dead letter that a command makes."""
        before = {letter["id"] for letter in self.company.dead_letters()}
        self.shell(command, document)

        def fresh():
            return [letter for letter in self.company.dead_letters()
                    if letter["id"] not in before]
        return until(fresh, "a dead letter")[0]

    def emitted(self, kind, *words, definition=AUDIT):
        return self.ended(definition, lambda: self.company.call("emit", kind, *words))

    def test_json_is_the_event(self):
        note = {"text": "größer als 7 %", "amount": "102.19", "lines": [1, 2, 3]}
        document = json.dumps(note, ensure_ascii=False).encode()
        injected = self.ended("e2e/note", lambda: self.shell(
            'nats pub event.note.taken "$(cat FILE)"', document))
        self.assertEqual(injected, ("completed", {"note": note}))
        self.assertEqual(injected, self.emitted("note.taken", document.decode(),
                                                definition="e2e/note"))

    def test_json_invoice_ends_as_with_emit(self):
        document = json.dumps({"invoiceNumber": "J-1", "issueDate": "2026-01-02",
                               "currency": "EUR"})
        injected = self.ended(AUDIT, lambda: self.shell(
            'nats pub event.invoice.received "$(cat FILE)"', document.encode()))
        self.assertEqual(injected, self.emitted("invoice.received", document))

    def test_xml_with_headers_ends_as_with_emit(self):
        injected = self.ended(AUDIT, lambda: self.shell(
            "nats pub -H 'ce-specversion: 1.0' -H 'ce-type: invoice.received'"
            " -H 'ce-source: /post' -H 'ce-id: ubl-1' -H 'content-type: application/xml'"
            ' event.invoice.received "$(cat FILE)"', UBL.read_bytes()))
        self.assertEqual(injected[0], "completed")
        self.assertEqual(injected[1]["exception"], "no shipment")
        self.assertEqual(injected, self.emitted("invoice.received", f"@{UBL}"))

    def test_x12_with_headers_ends_as_with_emit(self):
        injected = self.ended(AUDIT, lambda: self.shell(
            "nats pub -H 'ce-id: x12-1' -H 'ce-source: /edi'"
            ' -H "content-type: application/EDI-X12" event.invoice.received "$(cat FILE)"',
            X12.read_bytes()))
        self.assertEqual(injected[1]["exception"], "no shipment")
        self.assertEqual(injected, self.emitted("invoice.received", f"@{X12}"))

    def test_same_id_and_source_happen_once(self):
        command = ("nats pub -H 'ce-id: once' -H 'ce-source: /me' -H 'ce-specversion: 1.0'"
                   " -H 'ce-type: note.taken' event.note.taken '{\"once\": true}'")
        self.ended("e2e/note", lambda: self.shell(command))
        duplicates = self.company.metric("mainstay_duplicates_total")
        count = len(self.company.instances("e2e/note"))
        self.shell(command)
        until(lambda: self.company.metric("mainstay_duplicates_total") > duplicates,
              "the duplicate is counted")
        self.assertEqual(len(self.company.instances("e2e/note")), count)

    def advice_works(self, document, *exceptions):
        letter = self.refused('nats pub event.invoice.received "$(cat FILE)"', document)
        self.assertIn("not JSON", letter["reason"])
        self.assertIn("nats pub", letter["advice"])
        ended = self.ended(AUDIT, lambda: self.shell(letter["advice"], document))
        self.assertIn(ended[1]["exception"], exceptions)

    def test_undescribed_x12_is_advised_and_the_advice_works(self):
        self.advice_works(X12.read_bytes(), "no shipment")

    def test_undescribed_xml_is_advised_and_the_advice_works(self):
        self.advice_works(UBL.read_bytes(), "no shipment")

    def test_a_dead_letter_is_replayed_once_described(self):
        letter = self.refused('nats pub event.invoice.received "$(cat FILE)"', X12.read_bytes())
        refused = self.company.run("deadletters", "replay", letter["id"])
        self.assertEqual(refused.code, 1, "nothing has changed")
        self.assertIn("not JSON", refused.err)
        ended = self.ended(AUDIT, lambda: self.company.call(
            "deadletters", "replay", letter["id"], "--content-type", "application/edi-x12"))
        self.assertEqual(ended[1]["exception"], "no shipment")
        kept = next(one for one in self.company.dead_letters() if one["id"] == letter["id"])
        self.assertTrue(kept["replayed"])


if __name__ == "__main__":
    company.main()
