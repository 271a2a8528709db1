# syntax=docker/dockerfile:1
#
# The commands of mmgroupmix with the pinned packages of the tests, for machines with NVIDIA
# GPUs, or without. CUDA, cuDNN and NCCL come with PyTorch's wheels; the host needs only the
# driver and the NVIDIA container toolkit.
#
#     docker build -t mmgroupmix .
#     docker build -t mmgroupmix --build-arg REQUIREMENTS=requirements-classic.txt .
#
# docs/clusters.md shows how to run it.
FROM python:3.11.9-slim-bookworm

ARG REQUIREMENTS=requirements.txt

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    # Where the container may write, whatever user it runs as.
    HOME=/tmp/home \
    MPLCONFIGDIR=/tmp/home/matplotlib \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /workspace/mmgroupmix

# The packages change less often than the code: they get a layer of their own. Without
# dependencies, since these would bring the OpenCV that needs a display; the list is complete.
COPY requirements*.txt ./
RUN pip install --no-deps -r "$REQUIREMENTS"

COPY . .
RUN pip install --no-deps --no-build-isolation . \
    && useradd --uid 1000 --no-create-home trainer \
    && install -d -m 1777 /tmp/home /workspace/mmgroupmix/work_dirs /workspace/mmgroupmix/data

USER trainer

# Fails here, and not in the first job, if the packages do not fit together.
RUN python -c "import mmgroupmix, mmdet.apis, mmseg.apis, mmpretrain.apis"

# No shell in between: signals reach the command.
CMD ["python", "tools/train.py", "--help"]
