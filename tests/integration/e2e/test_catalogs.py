"""Functions of catalogs: read when a definition is deployed, and kept with it."""
import json

import company

CALL = """use: {catalogs: {shelf: {endpoint: ./shelf}, far: {endpoint: 'https://example.com/c'}}}
do:
  - greet: {call: 'greet:1.0.0@%s', with: {name: '${ .name }'}}
"""
GREET = "set: {greeting: '${ \"%s, \\(.name)\" }'}\n"


class Catalogs(company.Case):
    def put(self, folder, text):
        path = self.company.root / folder / "functions" / "greet" / "1.0.0" / "function.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test_a_function_is_found_below_the_endpoint_and_stays_as_it_was_deployed(self):
        self.put("shelf", GREET % "hello")
        self.company.deploy("shelved", CALL % "shelf")
        self.put("shelf", GREET % "good bye")
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        ran = self.company.call("run", "e2e/shelved", "--input", '{"name": "ann"}')
        self.assertEqual(json.loads(ran.out), {"greeting": "hello, ann"})
        refused = self.company.deploy("shelved", CALL % "shelf", check=False)
        self.assertNotEqual(refused.code, 0, "another function under the same version")

    def test_a_schema_in_a_file_is_read_and_stays_as_it_was_deployed(self):
        schema = self.company.root / "schemas" / "order.json"
        schema.parent.mkdir(parents=True, exist_ok=True)
        schema.write_text('{"required": ["id"]}')
        body = ("input: {schema: {resource: {endpoint: schemas/order.json}}}\n"
                "do:\n  - a: {set: {id: '${ .id }'}}\n")
        self.company.deploy("ordered", body)
        schema.write_text('{"required": ["other"]}')
        before = self.company.pid("coordinator")
        self.company.kill("coordinator")
        self.company.restarted("coordinator", before)
        ran = self.company.call("run", "e2e/ordered", "--input", '{"id": 1}')
        self.assertEqual(json.loads(ran.out), {"id": 1})
        faulted = self.company.call("run", "e2e/ordered", "--input", "{}", code=3)
        self.assertIn("/id: is required", faulted.err)
        refused = self.company.deploy("ordered", body, check=False)
        self.assertNotEqual(refused.code, 0, "another schema under the same version")

    def test_a_catalog_elsewhere_is_refused_until_a_copy_is_given(self):
        refused = self.company.deploy("distant", CALL % "far", check=False)
        self.assertIn("nothing is fetched", refused.err)
        self.put("copy", GREET % "hi")
        path = self.company.root / "distant.yaml"
        self.company.call("deploy", path, "--catalog", f"far={self.company.root}/copy")
        ran = self.company.call("run", "e2e/distant", "--input", '{"name": "bob"}')
        self.assertEqual(json.loads(ran.out), {"greeting": "hi, bob"})

    def test_a_function_that_is_not_there_is_named_with_its_file(self):
        refused = self.company.deploy("empty", CALL % "default", check=False)
        self.assertIn("catalog/functions/greet/1.0.0/function.yaml", refused.err)


if __name__ == "__main__":
    company.main()
