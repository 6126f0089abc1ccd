#!/bin/sh
# onnxruntime 1.29 and later write an identifier of the device to the home folder when they are
# imported on Linux, before a program can call disable_telemetry_events(). That call does not remove it.
# Two images of one model then differ by a file that nobody wrote on purpose, and a session on
# sensitive data leaves it behind. The variable ORT_DISABLE_TELEMETRY=1, set before the import,
# keeps it from being written; set after the import it does not.
# Seen with onnxruntime 1.32.0 (1.28.0 writes nothing), Python 3.11:
#   1.28.0, import: nothing
#   1.32.0, import, then disable_telemetry_events(): an identifier
#   1.32.0, ORT_DISABLE_TELEMETRY=1 before the import: nothing
#   1.32.0, ORT_DISABLE_TELEMETRY=1 after the import: an identifier
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
before='import os; os.environ["ORT_DISABLE_TELEMETRY"] = "1"; import onnxruntime'
after='import onnxruntime, os; os.environ["ORT_DISABLE_TELEMETRY"] = "1"'
disabled='import onnxruntime; onnxruntime.disable_telemetry_events()'
unset ORT_DISABLE_TELEMETRY

import_with() {  # version, what is run, what it must leave
    home=$(mktemp -d "$folder/home.XXXXXX")
    HOME=$home XDG_CACHE_HOME=$home/.cache "$folder/$1/bin/python" -c "$2"
    found=$(find "$home" -name deviceid | wc -l)
    said=nothing
    [ "$found" -eq 0 ] || said="an identifier"
    echo "$1, $2: $said"
    [ "$said" = "$3" ] || { echo "that changed: expected $3" >&2; exit 1; }
}

for version in 1.28.0 1.32.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        "onnxruntime==$version" numpy==2.4.6
done
import_with 1.28.0 "import onnxruntime" nothing
import_with 1.32.0 "$disabled" "an identifier"
import_with 1.32.0 "$before" nothing
import_with 1.32.0 "$after" "an identifier"
