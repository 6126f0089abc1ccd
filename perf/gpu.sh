#!/bin/sh
# Trains `densenet` on generated images on one GPU, in at most ten minutes:
# images a second in the whole loop (pixels from the cache, augmentation, step) beside the step alone
# on a batch that lies on the device, in float32, bfloat16 and float16; a kill and the resume.
# It needs torch for CUDA, monai, numpy, scipy, scikit-learn, numba and pydicom; no container engine.
#
#   sh perf/gpu.sh            one GPU, 512 px
#   sh perf/gpu.sh --dry      the same path on a processor, 64 px, in a minute
#
# The table and perf/results/gpu.json are what docs/performance.md asks for.
set -eu
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-python3}"
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
exec timeout 600 "$PYTHON" -m perf.gpu_training "$@"
