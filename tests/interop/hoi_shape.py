"""Shapes: how a canonical value becomes a named Python value within limits, and back.

A shape's `read` refuses whatever the page does not allow, with the place in the structure; its `write` is the exact inverse.
Arrays of fixed length become dicts by the page's field names (blanks as underscores), rules between fields are functions.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, Callable, Optional

import hoi_codec
from hoi_codec import UINT_MAX, Value

Fields = dict[str, Any]


class Refused(ValueError):
    """The value is canonical but not what the structure allows: `where` names the place, `why` the rule."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where, self.why = where, why


class SetAside(Refused):
    """The bytes are kept and relayed, but cannot be applied by this reader."""


class Shape(ABC):
    """One kind of value."""

    @abstractmethod
    def read(self, value: Value, where: str) -> Any:
        """Return the Python value of `value`, or raise Refused."""

    def write(self, item: Any) -> Value:
        """Return the canonical value of what `read` returned."""
        value: Value = item
        return value


class Anything(Shape):
    """Any canonical value, unjudged."""

    def read(self, value: Value, where: str) -> Value:
        return value


class Int(Shape):
    """An integer from `low` to `high`; without limits what 64 bits with a sign hold."""

    def __init__(self, low: int = -(2**63), high: int = 2**63 - 1) -> None:
        self.low, self.high = low, high

    def read(self, value: Value, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(where, "not an integer")
        if not self.low <= value <= self.high:
            raise Refused(where, f"{value} is outside {self.low} to {self.high}")
        return value


class UInt(Int):
    """A uint from `low` to `high`."""

    def __init__(self, low: int = 0, high: int = UINT_MAX) -> None:
        super().__init__(low, high)


class Flag(Shape):
    """A bool."""

    def read(self, value: Value, where: str) -> bool:
        if not isinstance(value, bool):
            raise Refused(where, "not a bool")
        return value


class Text(Shape):
    """A str of `low` to `high` bytes, whole text matching `pattern` where one is given."""

    def __init__(self, low: int, high: int, pattern: Optional[str] = None) -> None:
        self.low, self.high = low, high
        self.pattern = re.compile(pattern) if pattern else None

    def read(self, value: Value, where: str) -> str:
        if not isinstance(value, str):
            raise Refused(where, "not a str")
        if not self.low <= len(value.encode()) <= self.high:
            raise Refused(where, f"length outside {self.low} to {self.high} bytes")
        if self.pattern and not self.pattern.fullmatch(value):
            raise Refused(where, f"does not match {self.pattern.pattern}")
        return value


class Bin(Shape):
    """A bin of one of the given lengths."""

    def __init__(self, *lengths: int) -> None:
        self.lengths = lengths

    def read(self, value: Value, where: str) -> bytes:
        if not isinstance(value, bytes):
            raise Refused(where, "not a bin")
        if len(value) not in self.lengths:
            raise Refused(where, f"{len(value)} bytes, not {' or '.join(map(str, self.lengths))}")
        return value


class Blob(Shape):
    """A bin of `low` to `high` bytes."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def read(self, value: Value, where: str) -> bytes:
        if not isinstance(value, bytes):
            raise Refused(where, "not a bin")
        if not self.low <= len(value) <= self.high:
            raise Refused(where, f"{len(value)} bytes, not {self.low} to {self.high}")
        return value


class Maybe(Shape):
    """The page's `T?`: nil or T."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def read(self, value: Value, where: str) -> Any:
        return None if value is None else self.shape.read(value, where)

    def write(self, item: Any) -> Value:
        return None if item is None else self.shape.write(item)


class ListOf(Shape):
    """The page's `[T…]` of `low` to `high` items; with `key`, strictly ascending by it."""

    def __init__(self, shape: Shape, low: int = 0, high: int = UINT_MAX, key: Optional[Callable[[Any], Any]] = None) -> None:
        self.shape, self.low, self.high, self.key = shape, low, high, key

    def read(self, value: Value, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise Refused(where, "not an array")
        if not self.low <= len(value) <= self.high:
            raise Refused(where, f"{len(value)} items, not {self.low} to {self.high}")
        items = [self.shape.read(item, f"{where}[{at}]") for at, item in enumerate(value)]
        if self.key:
            keys = [self.key(item) for item in items]
            for at, (earlier, later) in enumerate(zip(keys, keys[1:])):
                if not earlier < later:
                    raise Refused(f"{where}[{at + 1}]", "not strictly ascending")
        return items

    def write(self, item: Any) -> Value:
        return [self.shape.write(each) for each in item]


class Struct(Shape):
    """An array of fixed length and order, as a dict; `rule` judges the fields together and raises Refused."""

    def __init__(self, fields: list[tuple[str, Shape]], rule: Optional[Callable[[Fields, str], None]] = None) -> None:
        self.fields, self.rule = fields, rule

    def read(self, value: Value, where: str) -> Fields:
        if not isinstance(value, list):
            raise Refused(where, "not an array")
        if len(value) != len(self.fields):
            raise Refused(where, f"{len(value)} fields, not {len(self.fields)}")
        item = {name: shape.read(part, f"{where}.{name}") for (name, shape), part in zip(self.fields, value)}
        if self.rule:
            self.rule(item, where)
        return item

    def write(self, item: Any) -> Value:
        return [shape.write(item[name]) for name, shape in self.fields]


class OneOf(Shape):
    """An array whose first field says which structure it is (messages, items)."""

    def __init__(self, structs: dict[int, Struct]) -> None:
        self.structs = structs

    def read(self, value: Value, where: str) -> Fields:
        number = value[0] if isinstance(value, list) and value else None
        if isinstance(number, bool) or not isinstance(number, int) or number not in self.structs:
            raise Refused(where, "of no known type")
        return self.structs[number].read(value, where)

    def write(self, item: Any) -> Value:
        return self.structs[item["type"]].write(item)


class Structure:
    """A named whole of the page: what stands alone as one canonical byte string of at most `longest` bytes."""

    def __init__(self, name: str, shape: Shape, longest: int = 2**32) -> None:
        self.name, self.shape, self.longest = name, shape, longest

    def decode(self, data: bytes) -> Any:
        """Return the Python value of `data`; raise NotCanonical, Refused or SetAside."""
        if len(data) > self.longest:
            raise Refused(self.name, f"longer than {self.longest} bytes")
        return self.shape.read(hoi_codec.decode(data), self.name)

    def encode(self, item: Any) -> bytes:
        """Return the bytes of what `decode` returned, judged by the same rules before it leaves."""
        data = hoi_codec.encode(self.shape.write(item))
        self.decode(data)
        return data
