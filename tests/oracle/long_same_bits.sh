#!/usr/bin/env bash
# The same bits: every case on ranks 1, 2, 4 x threads 1, 2 x three budgets.
exec bash "$(dirname "${BASH_SOURCE[0]}")/test_same_bits.sh" full
