"""Tests of the canonical reader and writer: every edge of every form, and the differential with msgpack."""

from __future__ import annotations

import random
import unittest

import differential
import hoi_codec
import mutate
import samples
from hoi_codec import NotCanonical, Value

SEED = 20_250_701

# Canonical bytes and their value, at the edges of every form.
EDGES: list[tuple[str, Value]] = [
    ("c0", None),
    ("c2", False),
    ("c3", True),
    ("00", 0),
    ("7f", 127),
    ("cc80", 128),
    ("ccff", 255),
    ("cd0100", 256),
    ("cdffff", 65_535),
    ("ce00010000", 65_536),
    ("ceffffffff", 2**32 - 1),
    ("cf0000000100000000", 2**32),
    ("cfffffffffffffffff", 2**64 - 1),
    ("ff", -1),
    ("e0", -32),
    ("d0df", -33),
    ("d080", -128),
    ("d1ff7f", -129),
    ("d18000", -32_768),
    ("d2ffff7fff", -32_769),
    ("d280000000", -(2**31)),
    ("d3ffffffff7fffffff", -(2**31) - 1),
    ("d38000000000000000", -(2**63)),
    ("a0", ""),
    ("a3e1baa4", "Ấ"),
    ("bf" + "61" * 31, "a" * 31),
    ("d920" + "61" * 32, "a" * 32),
    ("d9ff" + "61" * 255, "a" * 255),
    ("da0100" + "61" * 256, "a" * 256),
    ("db00010000" + "61" * 65_536, "a" * 65_536),
    ("c400", b""),
    ("c4ff" + "00" * 255, bytes(255)),
    ("c50100" + "00" * 256, bytes(256)),
    ("c600010000" + "00" * 65_536, bytes(65_536)),
    ("90", []),
    ("9f" + "c0" * 15, [None] * 15),
    ("dc0010" + "c0" * 16, [None] * 16),
    ("dcffff" + "c0" * 65_535, [None] * 65_535),
    ("dd00010000" + "c0" * 65_536, [None] * 65_536),
    ("91" * 15 + "90", [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]),
]

# Bytes that no reader may accept, and why.
REFUSED: list[tuple[str, str]] = [
    ("", "nothing"),
    ("c1", "c1 never occurs"),
    ("80", "a map"),
    ("8100c0", "a map"),
    ("de0000", "a map"),
    ("df00000000", "a map"),
    ("ca00000000", "a float"),
    ("cb0000000000000000", "a float"),
    ("d400c0", "ext"),
    ("d500c0c0", "ext"),
    ("c70000", "ext"),
    ("c80000", "ext"),
    ("c9000000", "ext"),
    ("d6ff00000000", "a timestamp"),
    ("cc7f", "127 in two bytes"),
    ("cd00ff", "255 in three bytes"),
    ("ce0000ffff", "65,535 in five bytes"),
    ("cf00000000ffffffff", "2^32 - 1 in nine bytes"),
    ("d000", "0 as negative"),
    ("d07f", "127 as negative"),
    ("d0e0", "-32 in two bytes"),
    ("d1ff80", "-128 in three bytes"),
    ("d10100", "256 as negative"),
    ("d2ffff8000", "-32,768 in five bytes"),
    ("d3ffffffff80000000", "-2^31 in nine bytes"),
    ("d30000000000000001", "1 as negative"),
    ("d91f" + "61" * 31, "31 bytes in str 8"),
    ("da00ff" + "61" * 255, "255 bytes in str 16"),
    ("db0000ffff" + "61" * 65_535, "65,535 bytes in str 32"),
    ("c500ff" + "00" * 255, "255 bytes in bin 16"),
    ("c60000ffff" + "00" * 65_535, "65,535 bytes in bin 32"),
    ("dc000f" + "c0" * 15, "15 items in array 16"),
    ("dd0000ffff" + "c0" * 65_535, "65,535 items in array 32"),
    ("91" * 16 + "90", "17 deep"),
    ("91" * 17, "17 deep and cut"),
    ("a100", "U+0000"),
    ("a2c080", "overlong U+0000"),
    ("a2c1bf", "overlong"),
    ("a3e08080", "overlong"),
    ("a4f08080af", "overlong"),
    ("a3eda080", "a surrogate"),
    ("a6eda080edb080", "a pair of surrogates"),
    ("a4f4908080", "above U+10FFFF"),
    ("a1ff", "not UTF-8"),
    ("a1c3", "half a character"),
    ("c0c0", "a second value"),
    ("91", "an array cut short"),
    ("92c0", "an array cut short"),
    ("ddffffffff", "4 G items that are not there"),
    ("c6ffffffff", "4 GB that are not there"),
    ("dbffffffff", "4 GB that are not there"),
    ("cd01", "a number cut short"),
]


class Codec(unittest.TestCase):
    def test_edges_of_every_form(self) -> None:
        for text, value in EDGES:
            data = bytes.fromhex(text)
            with self.subTest(text[:24]):
                self.assertTrue(differential.same(hoi_codec.decode(data), value))
                self.assertEqual(hoi_codec.encode(value), data)
                self.assertTrue(differential.agree(data))

    def test_everything_else_is_refused(self) -> None:
        for text, why in REFUSED:
            with self.subTest(why), self.assertRaises(NotCanonical):
                hoi_codec.decode(bytes.fromhex(text))

    def test_two_bytes_exhaustively_with_msgpack(self) -> None:
        for number in range(1 << 16):
            data = number.to_bytes(2, "big")
            self.assertTrue(differential.agree(data), data.hex())
            if data[0] == 0:
                self.assertTrue(differential.agree(data[1:]), data.hex())

    def test_random_bytes_with_msgpack(self) -> None:
        dice = random.Random(SEED)
        starts = bytes([0x91, 0x92, 0x93, 0xC4, 0xCC, 0xCD, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3, 0xD9, 0xDA, 0xDC, 0xDD, 0xA2, 0xA3, 0xA4])
        for _ in range(20_000):
            data = bytes([dice.choice(starts)]) + bytes(dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256))) for _ in range(dice.randint(0, 9)))
            self.assertTrue(differential.agree(data), data.hex())

    def test_damaged_samples_with_msgpack(self) -> None:
        for structure, data in samples.all_bytes():
            damaged = mutate.mutations(data, SEED)
            for _ in range(200):
                name, changed = next(damaged)
                self.assertTrue(differential.agree(changed), f"{structure.name}, {name}: {changed.hex()}")

    def test_damage_that_can_never_be_canonical(self) -> None:
        for structure, data in samples.all_bytes():
            damaged = mutate.mutations(data, SEED + 1)
            for _ in range(100):
                name, changed = next(damaged)
                if name in mutate.NEVER_CANONICAL:
                    with self.subTest(f"{structure.name}, {name}"), self.assertRaises(NotCanonical):
                        hoi_codec.decode(changed)

    def test_writer_refuses_what_has_no_encoding(self) -> None:
        deep: list[Value] = []
        for _ in range(16):
            deep = [deep]
        for value in (2**64, -(2**63) - 1, "\0", "\ud800", 1.0, {}, (), deep):
            with self.subTest(repr(value)[:20]), self.assertRaises(ValueError):
                hoi_codec.encode(value)  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
