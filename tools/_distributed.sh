# shellcheck shell=bash
# What dist_train.sh and dist_test.sh share; not a command.
set -euo pipefail

# launch NAME COUNT USAGE ARGUMENT...: start tools/NAME.py by torchrun. Of the arguments, the
# first COUNT are required; the last of these is the number of processes on this machine.
launch() {
    local name=$1 count=$2 usage=$3
    shift 3
    if (( $# < count )); then
        echo "usage: tools/dist_$name.sh $usage" >&2
        exit 2
    fi
    local gpus=${!count}
    if [[ ! $gpus =~ ^[1-9][0-9]*$ ]]; then
        echo "error: GPUS is '$gpus', expected the number of processes on this machine." >&2
        echo "usage: tools/dist_$name.sh $usage" >&2
        exit 2
    fi
    local script
    script=$(dirname "${BASH_SOURCE[0]}")/$name.py

    # One machine: torchrun finds a free port, so that two jobs do not meet.
    local rendezvous=(--standalone)
    if [[ -n ${NNODES:-} && $NNODES != 1 ]]; then
        if [[ -z ${NODE_RANK:-} || -z ${MASTER_ADDR:-} ]]; then
            echo "error: with NNODES=$NNODES, set NODE_RANK (0 to $(( NNODES - 1 )))" \
                "and MASTER_ADDR (the machine of rank 0) too." >&2
            exit 2
        fi
        rendezvous=(--nnodes="$NNODES" --node_rank="$NODE_RANK"
            --master_addr="$MASTER_ADDR" --master_port="${PORT:-29500}")
    elif [[ -n ${PORT:-} ]]; then
        rendezvous=(--nnodes=1 --master_addr=127.0.0.1 --master_port="$PORT")
    fi
    # torchrun passes on these signals only, and kills after 30 seconds by default.
    export PET_SIGNALS_TO_HANDLE=${PET_SIGNALS_TO_HANDLE:-SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1}
    export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=${TORCH_ELASTIC_SHUTDOWN_TIMEOUT:-150}
    exec "${PYTHON:-python}" -m torch.distributed.run "${rendezvous[@]}" \
        --nproc_per_node="$gpus" "$script" \
        "${@:1:count - 1}" --launcher pytorch "${@:count + 1}"
}
