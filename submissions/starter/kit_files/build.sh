#!/bin/sh
# Builds the image: fetches the libraries for the image's Python, then builds without a network.
#   sh build.sh TAG          BASE_IMAGE names another base image with Python 3.11 or newer
set -eu
cd "$(dirname "$0")"
tag="${1:-my-model}"
base="${BASE_IMAGE:-python:3.11-slim}"
if ! cmp -s requirements.txt site/requirements.txt; then
    python="$(docker run --rm --network none --read-only --user 65533:65533 \
        --cap-drop ALL --security-opt no-new-privileges --entrypoint python3 "$base" -c \
        'import sys; print("%d.%d" % sys.version_info[:2])')"
    platforms="--platform manylinux2014_x86_64"
    for minor in $(seq 17 36); do
        platforms="$platforms --platform manylinux_2_${minor}_x86_64"
    done
    rm -rf site
    # shellcheck disable=SC2086 - a list of options
    python3 -m pip install --quiet --no-compile --only-binary :all: --implementation cp \
        --python-version "$python" $platforms --target site --requirement requirements.txt
    cp requirements.txt site/requirements.txt
fi
chmod -R a+rX .
docker build --quiet --network none --build-arg BASE_IMAGE="$base" --tag "$tag" .
