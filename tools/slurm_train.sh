#!/usr/bin/env bash
# Train in a Slurm job that saves before its time limit, is queued again and goes on.
#
#     GPUS=16 tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of train.py]
#
# Outside of a job it submits itself; within one it starts a process for each GPU. Three
# minutes before the limit, and at pre-emption, train.py saves and ends with status 75; the
# job then queues itself again, and train.py resumes from the latest checkpoint.
#
# Environment variables:
#   GPUS            processes in all nodes together, default 8
#   GPUS_PER_NODE   default 8, or GPUS if that is less
#   CPUS_PER_TASK   for the data loaders of each process, default 8
#   SBATCH_ARGS     more options of sbatch, such as "--time=12:00:00 --account=vision"
#   SRUN_ARGS       more options of srun
#   PYTHON          the interpreter, default python
#
#SBATCH --signal=USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

if (( $# < 3 )); then
    echo "usage: GPUS=16 tools/slurm_train.sh PARTITION JOB_NAME CONFIG" \
        "[options of train.py]" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$(( GPUS < 8 ? GPUS : 8 ))}
CPUS_PER_TASK=${CPUS_PER_TASK:-8}
RESOURCES=(
    --nodes=$(( (GPUS + GPUS_PER_NODE - 1) / GPUS_PER_NODE ))
    --ntasks="$GPUS"
    --ntasks-per-node="$GPUS_PER_NODE"
    --gres=gpu:"$GPUS_PER_NODE"
    --cpus-per-task="$CPUS_PER_TASK"
)

if [[ -z ${SLURM_JOB_ID:-} ]]; then
    # Slurm runs a copy of this file, which cannot tell where train.py is.
    MMGROUPMIX_TOOLS=$(cd "$(dirname "$0")" && pwd)
    export MMGROUPMIX_TOOLS GPUS GPUS_PER_NODE CPUS_PER_TASK
    # shellcheck disable=SC2086  # several options
    exec sbatch --partition="$PARTITION" --job-name="$JOB_NAME" "${RESOURCES[@]}" \
        ${SBATCH_ARGS:-} "$0" "$@"
fi

for TOOLS in "${MMGROUPMIX_TOOLS:-}" "$(dirname "$0")" "${SLURM_SUBMIT_DIR:-.}/tools"; do
    [[ ! -f $TOOLS/train.py ]] || break
done
if [[ ! -f $TOOLS/train.py ]]; then
    echo "error: no train.py in $TOOLS. Set MMGROUPMIX_TOOLS to the folder tools/ of" \
        "mmgroupmix, or submit the job from its parent." >&2
    exit 2
fi
HOSTS=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
MASTER_ADDR=${MASTER_ADDR:-${HOSTS%%$'\n'*}}
# Another port for each job: they may share a node.
MASTER_PORT=${MASTER_PORT:-$(( 12000 + SLURM_JOB_ID % 20000 ))}
export MASTER_ADDR MASTER_PORT
echo "job $SLURM_JOB_ID, start $(( ${SLURM_RESTART_COUNT:-0} + 1 )): $GPUS processes"

# Slurm signals the processes of the step. This shell must outlive them to queue the job
# again, and must not pass signals on: a second one ends train.py without saving.
trap : TERM USR1 HUP
# A process that ends first must not have the others killed while they end by themselves.
# shellcheck disable=SC2086  # several options
srun "${RESOURCES[@]}" --kill-on-bad-exit=0 --wait=150 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$TOOLS/train.py" "$CONFIG" --resume --launcher slurm \
    "${@:4}" &
STEP=$!
# A signal ends `wait` early; then it is asked once more.
while true; do
    INTERRUPTED=
    trap 'INTERRUPTED=yes' TERM USR1 HUP
    STATUS=0
    wait "$STEP" || STATUS=$?
    (( STATUS > 128 )) && [[ -n $INTERRUPTED ]] || break
done

if (( STATUS == 75 )); then
    echo "job $SLURM_JOB_ID: interrupted after saving, queued again"
    scontrol requeue "$SLURM_JOB_ID" ||
        echo "job $SLURM_JOB_ID: scontrol requeue failed; submit the job again by hand" >&2
fi
exit "$STATUS"
