#!/usr/bin/env bash
# Train with several processes on this machine, or on several machines.
#
#     tools/dist_train.sh CONFIG GPUS [options of train.py]
#
# GPUS is the number of processes on this machine. Environment variables: NNODES, NODE_RANK,
# MASTER_ADDR and PORT for several machines (one call on each), PYTHON for the interpreter.
# SIGTERM, SIGUSR1 and SIGHUP reach train.py, which saves and ends.
# shellcheck source=tools/_distributed.sh
source "$(dirname "${BASH_SOURCE[0]}")/_distributed.sh"
launch train 2 'CONFIG GPUS [options of train.py]' "$@"
