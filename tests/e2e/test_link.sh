#!/usr/bin/env bash
# Goal: hostile and broken peers on the wire cost their own connection and nothing else (the scenarios are in test_link.c).
exec "$HOI_BIN/tests/e2e/test_link"
