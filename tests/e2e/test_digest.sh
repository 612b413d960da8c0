#!/usr/bin/env bash
# Goal: the digest of a subtree is equal at commune, district, province and centre, and after rebuild at each.
exec /usr/bin/python3 "$(dirname "$0")/digest.py"
