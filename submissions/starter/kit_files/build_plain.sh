#!/bin/sh
# Builds the image without a network.
#   sh build.sh TAG          BASE_IMAGE names another base image with Python 3
set -eu
cd "$(dirname "$0")"
tag="${1:-my-model}"
base="${BASE_IMAGE:-python:3.11-slim}"
chmod -R a+rX .
docker build --quiet --network none --build-arg BASE_IMAGE="$base" --tag "$tag" .
