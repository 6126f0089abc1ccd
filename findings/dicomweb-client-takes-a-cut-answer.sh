#!/bin/sh
# dicomweb-client gives an image for a multipart answer that ends in the middle of its pixels.
# RFC 2046 5.1.1: a multipart body ends with its boundary and two hyphens. Where a proxy or server
# ends an answer early and says its length accordingly, only the missing boundary tells. The client
# does not look for it: it hands out a data set whose pixel data is shorter than its header says,
# without an error or a warning. A user compares the length of PixelData with rows times columns.
# The image is 128 x 128 of 16 bits, 32,768 bytes; the answer lacks its last 4,000 bytes.
# Seen with dicomweb-client 0.61.2 and pydicom 3.0.2, Python 3.11:
#   whole answer: 32768 bytes of pixels
#   cut answer: 28918 bytes of pixels, no error
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    dicomweb-client==0.61.2 pydicom==3.0.2
"$folder/venv/bin/python" - <<'PY'
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dicomweb_client.api import DICOMwebClient
from pydicom.data import get_testdata_file

content = Path(get_testdata_file("CT_small.dcm", download=False)).read_bytes()
whole = b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--edge--\r\n"
answers = {"1.1": whole, "1.2": whole[:-4000]}


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        body = answers[self.path.rpartition("/")[2]]
        self.send_response(200)
        kind = 'multipart/related; type="application/dicom"; boundary=edge'
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = DICOMwebClient(f"http://127.0.0.1:{server.server_address[1]}")


def pixels(instance):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = client.retrieve_instance(
            "1.2", "1.3", instance, media_types=(("application/dicom", "*"),)
        )
        assert not told, told
        return len(found.PixelData)


got = pixels("1.1"), pixels("1.2")
print("whole answer: %d bytes of pixels\ncut answer: %d bytes of pixels, no error" % got)
assert got == (32768, 28918), "a cut answer is treated otherwise now"
PY
