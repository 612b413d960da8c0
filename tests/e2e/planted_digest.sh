#!/usr/bin/env bash
# Goal: a node that skips one record when applying shows another digest; without the planted bug all levels agree, also after rebuild.
# Needs the test build with planted bugs in HOI_BIN.
exec /usr/bin/python3 "$(dirname "$0")/digest.py" --planted
