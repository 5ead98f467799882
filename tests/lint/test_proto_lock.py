"""tools/lint/proto-lock keeps every field number for ever."""
import unittest

from planted import Planted

PROTO = """syntax = "proto3";
package mainstay;
// a comment with field = 9;
message Task {
  string id = 1;
  repeated bytes chunk = 2;  /* two */
  map<string, int64> sums = 3 [deprecated = true];
  oneof body { string text = 4; Part part = 5; }
  message Part { uint32 size = 1; }
}
enum Kind { KIND_NONE = 0; KIND_GOOD = 1; }
"""
LOCKED = """Kind.KIND_NONE=0 enum
Kind.KIND_GOOD=1 enum
Task.id=1 string
Task.chunk=2 repeated bytes
Task.sums=3 map < string , int64 >
Task.text=4 string
Task.part=5 Part
Task.Part.size=1 uint32
"""


class ProtoLock(Planted):
    tool = "proto-lock"

    def setUp(self):
        super().setUp()
        self.plant("proto/task.proto", PROTO)
        self.plant("proto/fields.lock", LOCKED)

    def change(self, old, new):
        self.assertIn(old, PROTO)
        self.plant("proto/task.proto", PROTO.replace(old, new))

    def test_files_that_agree_are_clean(self):
        self.clean()

    def test_update_writes_what_check_accepts(self):
        self.plant("proto/fields.lock", "")
        self.assertEqual(self.lint("--update"), (0, ""))
        self.clean()
        with open(self.root + "/proto/fields.lock", encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines() if not line.startswith("#")]
        self.assertEqual(sorted(lines), sorted(LOCKED.splitlines()))

    def test_a_new_field(self):
        self.change("string id = 1;", "string id = 1;\n  bool fresh = 6;")
        self.found("proto/task.proto:6:", "Task.fresh is not in proto/fields.lock")
        self.assertEqual(self.lint("--update")[0], 0)
        self.clean()

    def test_a_changed_number(self):
        self.change("string id = 1;", "string id = 7;")
        self.found("proto/task.proto:5:", "Task.id was '1 string' and is '7 string' now")
        self.assertEqual(self.lint("--update")[0], 1)

    def test_a_changed_type(self):
        self.change("repeated bytes chunk", "bytes chunk")
        self.found("proto/task.proto:6:", "Task.chunk was '2 repeated bytes'")

    def test_a_reused_number(self):
        self.change("string id = 1;", "reserved 1;\n  string name = 1;")
        self.found("proto/task.proto:6:", "Task.name reuses number 1 of Task.id")
        self.assertEqual(self.lint("--update")[0], 1)

    def test_a_removed_field(self):
        self.change("string id = 1;", "")
        self.found("proto/fields.lock:3:", "write 'reserved 1;' in Task")
        for statement in ("reserved 1;", "reserved 8, 1 to 1;", "reserved 7 to max, 1;"):
            self.change("string id = 1;", statement)
            self.clean()

    def test_a_removed_enum_value(self):
        self.change("KIND_GOOD = 1;", "")
        self.found("proto/fields.lock:2:", "write 'reserved 1;' in Kind")


if __name__ == "__main__":
    unittest.main()
