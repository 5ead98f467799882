"""tools/lint/data finds changed, unlisted and missing documents, and documents without a source."""
import hashlib
import unittest

from planted import Planted

TEXT = b"ISA*00*\r\n"


def line_of(content, name):
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n"


class Data(Planted):
    tool = "data"

    def setUp(self):
        super().setUp()
        self.sums = line_of(TEXT, "sub/a.edi")
        self.plant("tests/data/set/sub/a.edi", TEXT)
        self.plant("tests/data/set/SHA256SUMS", self.sums)
        self.plant("tests/data/set/SOURCE.txt", "somebody's repository, MIT licence\n")

    def test_a_set_in_order_is_clean(self):
        self.clean()

    def test_a_changed_file(self):
        self.plant("tests/data/set/sub/a.edi", TEXT.replace(b"\r", b""))
        self.found("tests/data/set/SHA256SUMS:1:", "not the file that was recorded")

    def test_a_file_that_is_not_listed(self):
        self.plant("tests/data/set/b.xml", "<a/>")
        self.found("tests/data/set/b.xml:1:", "not listed")

    def test_a_listed_file_that_is_missing(self):
        self.plant("tests/data/set/SHA256SUMS", self.sums + "0" * 64 + "  gone.csv\n")
        self.found("tests/data/set/SHA256SUMS:2:", "'gone.csv' is listed but missing")

    def test_a_broken_list(self):
        self.plant("tests/data/set/SHA256SUMS", self.sums + "what\n")
        self.found("tests/data/set/SHA256SUMS:2:", "not a line of sha256sum")

    def test_no_list(self):
        self.plant("tests/data/other/SOURCE.txt", "x, MIT licence\n")
        self.found("tests/data/other:1:", "no SHA256SUMS")

    def test_no_source(self):
        self.plant("tests/data/other/SHA256SUMS", "")
        self.found("tests/data/other:1:", "no SOURCE.txt")

    def test_no_licence(self):
        self.plant("tests/data/set/SOURCE.txt", "somebody's repository\n")
        self.found("tests/data/set:1:", "no licence")
        self.plant("tests/data/set/LICENSE", "MIT")
        self.plant("tests/data/set/SHA256SUMS", self.sums + line_of(b"MIT", "LICENSE"))
        self.clean()

    def test_a_file_outside_of_a_set(self):
        self.plant("tests/data/a.json", "{}")
        self.found("tests/data/a.json:1:", "a set of its own")


if __name__ == "__main__":
    unittest.main()
