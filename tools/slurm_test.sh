#!/usr/bin/env bash
# Test in a Slurm job.
#
#     GPUS=8 tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of test.py]
#
# Outside of a job it submits itself; within one it starts a process for each GPU. A test
# that is pre-empted starts again. Environment variables as for slurm_train.sh.
#
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

if (( $# < 4 )); then
    echo "usage: GPUS=8 tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT" \
        "[options of test.py]" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
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
    # Slurm runs a copy of this file, which cannot tell where test.py is.
    MMGROUPMIX_TOOLS=$(cd "$(dirname "$0")" && pwd)
    export MMGROUPMIX_TOOLS GPUS GPUS_PER_NODE CPUS_PER_TASK
    # shellcheck disable=SC2086  # several options
    exec sbatch --partition="$PARTITION" --job-name="$JOB_NAME" "${RESOURCES[@]}" \
        ${SBATCH_ARGS:-} "$0" "$@"
fi

for TOOLS in "${MMGROUPMIX_TOOLS:-}" "$(dirname "$0")" "${SLURM_SUBMIT_DIR:-.}/tools"; do
    [[ ! -f $TOOLS/test.py ]] || break
done
if [[ ! -f $TOOLS/test.py ]]; then
    echo "error: no test.py in $TOOLS. Set MMGROUPMIX_TOOLS to the folder tools/ of" \
        "mmgroupmix, or submit the job from its parent." >&2
    exit 2
fi
HOSTS=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
MASTER_ADDR=${MASTER_ADDR:-${HOSTS%%$'\n'*}}
# Another port for each job: they may share a node.
MASTER_PORT=${MASTER_PORT:-$(( 12000 + SLURM_JOB_ID % 20000 ))}
export MASTER_ADDR MASTER_PORT
# shellcheck disable=SC2086  # several options
exec srun "${RESOURCES[@]}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$TOOLS/test.py" "$3" "$4" --launcher slurm "${@:5}"
