"""Hashes, signatures and derived names (docs/protocol.md, section 2, and the recovery signature of 4.1).

Hashing is hashlib's BLAKE2b, signatures are libsodium's through PyNaCl. Every hash and signature has a tag and an association.
"""

from __future__ import annotations

import hashlib
from typing import Sequence

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

NO_ASSOCIATION = bytes(32)


def tagged(tag: str, association: bytes, data: bytes) -> bytes:
    """Return what H and Sign work on: tag, association id and the bytes themselves."""
    if len(association) != 32:
        raise ValueError("an association id has 32 bytes")
    return b"hoi/" + tag.encode("ascii") + b"/v1\0" + association + data


def H(tag: str, association: bytes, data: bytes) -> bytes:  # noqa: N802, the page's own name
    """Return the 32 bytes of `H(tag, association, data)`."""
    return hashlib.blake2b(tagged(tag, association, data), digest_size=32).digest()


def sign(seed: bytes, tag: str, association: bytes, data: bytes) -> bytes:
    """Return the 64 bytes of `Sign(tag, association, data)` under the Ed25519 seed of 32 bytes."""
    return SigningKey(seed).sign(tagged(tag, association, data)).signature


def verify(public: bytes, signature: bytes, tag: str, association: bytes, data: bytes) -> bool:
    """Say whether `signature` is the key's signature of these bytes under this tag and association."""
    if len(signature) != 64 or len(public) != 32:
        return False
    try:
        VerifyKey(public).verify(tagged(tag, association, data), signature)
    except BadSignatureError:
        return False
    return True


def verify_recovery(keys: Sequence[bytes], needed: int, signature: bytes, association: bytes, header: bytes) -> bool:
    """Say whether `signature` holds exactly `needed` parts by distinct recovery keys, indices from 0 and ascending.

    Without recovery keys nothing can sign the recovery log: an empty signature of 0 parts proves nothing.
    """
    if needed < 1 or len(signature) != 65 * needed:
        return False
    parts = [signature[at : at + 65] for at in range(0, len(signature), 65)]
    indices = [part[0] for part in parts]
    if any(later <= earlier for earlier, later in zip(indices, indices[1:])) or indices[-1] >= len(keys):
        return False
    return all(verify(keys[part[0]], part[1:], "header", association, header) for part in parts)


def association_id(statement: bytes) -> bytes:
    """Return the association id, the hash of its founding statement."""
    return H("founding", NO_ASSOCIATION, statement)


def unit_id(association: bytes, nonce: bytes, place: int) -> bytes:
    """Return the id of the unit created by change `place` of the control body with `nonce`; the root's is of the founding nonce, place 0."""
    return H("unit", association, nonce + place.to_bytes(4, "big"))[:16]


def node_id(association: bytes, core: bytes) -> bytes:
    """Return the id of the node with this admission core as encoded; the founder's is of the founding statement instead."""
    return H("node", association, core)[:16]


def entry_hash(association: bytes, header: bytes) -> bytes:
    """Return the hash of an entry: of its header without the signature."""
    return H("header", association, header)


def body_hash(association: bytes, salt: bytes, body: bytes) -> bytes:
    """Return what a header commits to of its body."""
    return H("body", association, salt + body)


def form_version(association: bytes, payload: bytes) -> bytes:
    """Return the version hash of a form's payload as encoded."""
    return H("form", association, payload)


def form_id(association: bytes, issuer: bytes, name: str) -> bytes:
    """Return the id that all versions of a form share."""
    return H("form-id", association, issuer + name.encode())[:16]


def attachment_hash(association: bytes, data: bytes) -> bytes:
    """Return the hash that a document names an attachment by."""
    return H("attachment", association, data)
