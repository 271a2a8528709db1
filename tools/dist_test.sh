#!/usr/bin/env bash
# Test with several processes on this machine, or on several machines.
#
#     tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of test.py]
#
# Environment variables as for dist_train.sh.
# shellcheck source=tools/_distributed.sh
source "$(dirname "${BASH_SOURCE[0]}")/_distributed.sh"
launch test 3 'CONFIG CHECKPOINT GPUS [options of test.py]' "$@"
