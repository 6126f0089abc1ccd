// Uploads one file with tus-js-client and nothing but its defaults. Arguments: the client's folder,
// endpoint, token, file, metadata as JSON. Prints one JSON line: the upload's URL, or the error.
"use strict";
const fs = require("node:fs");
const [, , folder, endpoint, token, file, metadata] = process.argv;
const tus = require(folder);
const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: JSON.parse(metadata),
  onSuccess: () => console.log(JSON.stringify({ url: upload.url })),
  onError: (error) => {
    const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
    console.log(JSON.stringify({ error: String(error).slice(0, 300), status }));
  },
});
upload.start();
