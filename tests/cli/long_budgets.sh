#!/usr/bin/env bash
# The smallest budgets on one thread and on three.
here=$(dirname "${BASH_SOURCE[0]}")
bash "$here/test_budgets.sh" 1 && bash "$here/test_budgets.sh" 3
