#!/bin/sh
# `umoci insert` writes a layer that is not a complete tar. It stops at the last byte of the last file,
# without the zeros that fill the block and end the archive, and the image names the layer by the
# digest of this. tar says "Unexpected EOF in archive"; `umoci repack` of the same file writes a whole tar.
# Seen with umoci 0.4.7 of Debian 12, GNU tar 1.34, a file of 129 bytes:
#   insert: 641 bytes (a header of 512 and the file), tar fails
#   repack: a multiple of 512 bytes, tar reads it
# Ends with an error if that changes. Needs apt with Debian 12's sources.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq umoci=0.4.7+ds-3+b7 2>/dev/null
dpkg-deb -x umoci_*.deb umoci
PATH="$folder/umoci/usr/bin:$PATH"
head -c 129 /dev/zero | tr '\0' x > file

layer_of() {
    python3 - "$1" <<'PY'
import gzip, json, pathlib, subprocess, sys
layout = pathlib.Path(sys.argv[1])
blob = lambda told: layout / "blobs" / told.replace(":", "/")
(image,) = json.loads((layout / "index.json").read_text())["manifests"]
manifest = json.loads(blob(image["digest"]).read_text())
layer = gzip.decompress(blob(manifest["layers"][-1]["digest"]).read_bytes())
done = subprocess.run(["tar", "-tf", "-"], input=layer, capture_output=True)
print(len(layer), "bytes, tar ends with", done.returncode)
PY
}

umoci init --layout one
umoci new --image one:t
umoci insert --image one:t file /file
inserted=$(layer_of one)
umoci init --layout two
umoci new --image two:t
umoci unpack --rootless --image two:t bundle
cp file bundle/rootfs/file
umoci repack --image two:t bundle
repacked=$(layer_of two)
printf 'insert: %s\nrepack: %s\n' "$inserted" "$repacked"
[ "$inserted" = "641 bytes, tar ends with 2" ] || { echo "insert's layer changed" >&2; exit 1; }
case $repacked in
    *"tar ends with 0") ;;
    *) echo "repack's layer changed" >&2; exit 1 ;;
esac
