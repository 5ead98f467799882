"""The main job on real documents: audit of carriers' invoices, and what a person does about it."""
import base64
import csv
import io
import json

import company
from company import DATA

EDI = DATA / "x12" / "edi.net"
FEDEX = DATA / "x12" / "x12parser" / "TAM" / "_110" / "FedEx_SampleInvoice1.txt"
MATCHAI = DATA / "matchai" / "freight_invoices.csv"
X12 = "application/edi-x12"


def csv_rows(count):
    with open(MATCHAI, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[:count + 1]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


class MainJob(company.Case):
    processes = ("invoice-audit", "shipment-intake", "ledger-import")

    def emit(self, kind, what, *words):
        """Emit a document; what became of the instance it starts."""
        answer = self.company.json("emit", kind, what, *words)
        self.assertEqual(answer["outcome"], "started")
        self.assertEqual(len(answer["instances"]), 1)
        return self.company.wait(answer["instances"][0])

    def exception(self, answer):
        self.assertEqual(answer["status"], "completed")
        self.assertEqual(answer["output"]["outcome"], "exception")
        return answer["output"]["exception"]

    def whole(self):
        self.assertIn("whole", self.company.call("journal", "verify").out)

    def test_1_load_75027674_is_disputed_by_102_19(self):
        for number, kind in (("204", "tendered"), ("990", "responded"), ("214", "status")):
            answer = self.emit(f"shipment.{kind}", f"@{EDI}/{number}-MGCTLYST-SAMPLE.EDI",
                               "--content-type", X12)
            self.assertEqual(answer["output"]["outcome"], "recorded")
        invoice = f"@{EDI}/210-MGCTLYST-SAMPLE.EDI"
        answer = self.emit("invoice.received", invoice)
        self.assertEqual(self.exception(answer), "rate mismatch")
        self.assertEqual(answer["output"]["disputed"]["value"], "102.19")
        self.assertEqual(answer["output"]["document"]["total"], "659.40")
        told = self.company.call("explain", answer["instance"]).out
        for words in ("x12 210@", "confidence", "102.19", "659.40"):
            self.assertIn(words, told)
        self.assertEqual(self.exception(self.emit("invoice.received", invoice)), "duplicate")

    def test_2_fedex_misses_by_1_28(self):
        answer = self.emit("invoice.received", f"@{FEDEX}")
        self.assertEqual(self.exception(answer), "does not foot")
        self.assertEqual(answer["output"]["findings"][0]["difference"], "1.28")

    def test_3_no_shipment(self):
        answer = self.emit("invoice.received", f"@{DATA}/ubl/ubl-tc434-example1.xml")
        self.assertEqual(self.exception(answer), "no shipment")

    def test_4_a_match_is_posted_once(self):
        rows = csv_rows(1)
        recorded = self.emit("ledger.import", json.dumps({"synthetic": True, "content": rows}))
        self.assertEqual(recorded["output"]["outcome"], "recorded")
        path = self.company.file("invoice.csv", rows)
        answer = self.emit("invoice.received", f"@{path}")
        self.assertEqual(answer["output"]["outcome"], "posted")
        self.assertEqual(self.exception(self.emit("invoice.received", f"@{path}")), "duplicate")

    def two_bills(self):
        """One interchange with two freight bills: a known one, and it under another number."""
        text = (EDI / "210-MGCTLYST-SAMPLE.EDI").read_text()
        begin, end = text.index("ST*210"), text.index("GE*")
        bill = text[begin:end].replace("09851270", "09851271").replace("75027674", "75027675")
        return text[:end] + bill + text[end:].replace("GE*1*", "GE*2*")

    def test_4b_every_invoice_of_an_interchange_is_audited(self):
        path = self.company.file("two.edi", self.two_bills())
        answer = self.emit("invoice.received", f"@{path}")
        self.assertEqual(answer["output"]["outcome"], "taken apart")
        self.assertIn("invoice 09851270, invoice 09851271", answer["output"]["why"])
        rows = self.company.json("instances", "ls", "--limit", "3")["instances"]
        ends = [self.company.wait(row["instance"])["output"] for row in rows
                if row["instance"] != answer["instance"]]
        numbers = {end["document"]["number"]: end["exception"] for end in ends}
        self.assertEqual(numbers, {"09851270": "duplicate", "09851271": "no shipment"})
        self.assertLess(min(end["confidence"] for end in ends), 1, "doubt goes with the message")

    def test_4c_what_was_read_with_much_doubt_waits_for_a_person(self):
        text = (DATA / "ubl" / "ubl-tc434-example1.xml").read_text()
        self.assertIn('<cbc:PayableAmount currencyID="EUR">', text)
        path = self.company.file("usd.xml", text.replace(
            '<cbc:PayableAmount currencyID="EUR">', '<cbc:PayableAmount currencyID="USD">'))
        answer = self.emit("invoice.received", f"@{path}")
        self.assertEqual(answer["status"], "suspended")
        gate = self.company.json("gates", "describe", answer["gate"])
        self.company.call("gates", "approve", gate["gate"])
        self.assertEqual(self.exception(self.company.wait(answer["instance"])), "no shipment")

    def unreadable(self):
        """An invoice cut short: it waits for a person at a data gate."""
        path = self.company.file("cut.edi", (EDI / "210-MGCTLYST-SAMPLE.EDI").read_bytes()[:60])
        answer = self.emit("invoice.received", f"@{path}", "--content-type", X12)
        self.assertEqual(answer["status"], "suspended")
        gate = self.company.json("gates", "describe", answer["gate"])
        self.assertEqual((gate["kind"], gate["instance"]), ("data", answer["instance"]))
        self.assertIn("segment", gate["rationale"], "it names the element")
        self.assertEqual(gate["pointer"], "/data")
        self.assertIn(gate["gate"], self.company.call("inbox", "-o", "json").out)
        return answer["instance"], gate

    def test_5_an_unreadable_file_is_corrected_by_a_person(self):
        instance, gate = self.unreadable()
        document = (DATA / "x12" / "staedi" / "ts210_80char.edi").read_bytes()
        value = {"data_base64": base64.b64encode(document).decode(), "contentType": X12}
        path = self.company.file("corrected.json", json.dumps(value))
        self.company.call("gates", "edit", gate["gate"], "--value", f"@{path}",
                          "--reason", "the carrier sent it again")
        answer = self.company.wait(instance)
        self.assertEqual(self.exception(answer), "no shipment")
        self.assertIn("the carrier sent it again", self.company.call("explain", instance).out)
        again = self.company.run("gates", "approve", gate["gate"])
        self.assertEqual(again.code, 1, "a gate is used once")

    def test_6_a_rejected_document_faults(self):
        instance, gate = self.unreadable()
        self.company.call("gates", "reject", gate["gate"], "--reason", "not ours")
        answer = self.company.wait(instance)
        self.assertEqual(answer["status"], "faulted")
        self.assertTrue(answer["error"]["type"].endswith("/validation"), answer["error"])
        rows = self.company.json("instances", "ls", "--status", "faulted")["instances"]
        self.assertIn(instance, [row["instance"] for row in rows])
        self.whole()

    def test_7_all_of_it_survives_down_and_up(self):
        waiting, gate = self.unreadable()
        self.company.down()
        self.company.up()
        self.whole()
        invoice = f"@{EDI}/210-MGCTLYST-SAMPLE.EDI"
        answer = self.emit("invoice.received", invoice)
        self.assertEqual(self.exception(answer), "duplicate", "the ledger is still there")
        self.test_2_fedex_misses_by_1_28()
        self.company.call("gates", "reject", gate["gate"])
        self.assertEqual(self.company.wait(waiting)["status"], "faulted")
        self.whole()


if __name__ == "__main__":
    company.main()
