"""Tests of the golden reader itself: whatever is changed in a vector or beside it, it has to notice."""

from __future__ import annotations

import copy
import json
import pathlib
import tempfile
import unittest
from typing import Any

import golden
import mutate
import read_golden

ENTRIES: list[dict[str, Any]] = json.loads(read_golden.VECTORS.read_text(encoding="utf-8"))


def failures(entries: list[dict[str, Any]]) -> list[str]:
    """Return what the reader finds wrong with vectors written like this."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vectors.json"
        path.write_text(json.dumps(entries), encoding="utf-8")
        return read_golden.check_vectors(golden.load(path))


def other(value: Any) -> Any:
    """Return a value like `value` but not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return ("1" if value[:1] != "1" else "2") + value[1:]
    if isinstance(value, dict):
        return {name: other(inner) for name, inner in value.items()}
    return [other(value[0]), *value[1:]]


class ReadGolden(unittest.TestCase):
    def test_vectors_are_good(self) -> None:
        self.assertEqual(failures(ENTRIES), [])

    def test_every_structure_but_the_containers_has_a_vector(self) -> None:
        missing = golden.STRUCTURES.keys() - {entry["structure"] for entry in ENTRIES}
        self.assertEqual(missing, {"log", "ref", "items", "signed_founding", "signed_receipt"})

    def test_every_fact_and_input_matters(self) -> None:
        for entry in ENTRIES:
            for name in entry.keys() - {"name", "structure", "bytes", "decoded", "association"}:
                with self.subTest(entry["name"], fact=name):
                    self.assertTrue(failures([{**entry, name: other(entry[name])}]))

    def test_the_association_matters_wherever_something_is_hashed(self) -> None:
        for entry in ENTRIES:
            if entry.keys() & {"entry_hash", "node_id", "unit_id", "body_hash", "form_version", "signature", "bucket_digest", "state", "inviter", "text"}:
                with self.subTest(entry["name"]):
                    self.assertTrue(failures([{**entry, "association": other(entry["association"])}]))

    def test_an_unknown_fact_is_no_good_vector(self) -> None:
        for entry in ENTRIES:
            with self.subTest(entry["name"]):
                self.assertTrue(failures([{**entry, "fact": "00"}]))

    def test_decoding_written_beside_matters(self) -> None:
        for entry in ENTRIES:
            changed = copy.deepcopy(entry)
            changed["decoded"][-1] = other(changed["decoded"][-1]) if changed["decoded"][-1] not in (None, []) else 0
            with self.subTest(entry["name"]):
                self.assertTrue(failures([changed]))

    def test_a_signature_of_another_node_is_noticed(self) -> None:
        header = next(entry for entry in ENTRIES if entry["name"] == "header-report-first")
        mine = next(entry for entry in ENTRIES if entry["structure"] == "receipt")
        self.assertNotEqual(header["signing_key"], mine["signing_key"])
        vectors = golden.load(read_golden.VECTORS)
        keys = golden.signing_keys(vectors)
        vector = next(vector for vector in vectors if vector.name == "header-report-first")
        item = vector.structure.decode(vector.data)
        self.assertEqual(golden.wrong_authors(vector, item, keys), [])
        self.assertTrue(golden.wrong_authors(vector, item, {**keys, item["author"]: bytes.fromhex(mine["signing_key"])}))

    def test_mutations_are_the_same_for_the_same_seed(self) -> None:
        data = bytes.fromhex(ENTRIES[0]["bytes"])
        first, second, third = (mutate.mutations(data, seed) for seed in (1, 1, 2))
        taken = [[next(stream) for _ in range(50)] for stream in (first, second, third)]
        self.assertEqual(taken[0], taken[1])
        self.assertNotEqual(taken[0], taken[2])
        self.assertNotIn(data, [damaged for _, damaged in taken[0]])


if __name__ == "__main__":
    unittest.main()
