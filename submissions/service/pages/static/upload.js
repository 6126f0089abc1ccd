// Sends an image archive in pieces by the tus protocol, and goes on where it broke off.
// Without this script the form sends the file in one piece.
"use strict";

(() => {
  const form = document.getElementById("send");
  if (!form || !window.crypto?.subtle) return; // digests need https or this machine's own address
  const input = form.querySelector("input[type=file]");
  const start = document.getElementById("start");
  const pause = document.getElementById("pause");
  const sending = document.getElementById("sending");
  const bar = document.getElementById("progress");
  const label = document.getElementById("progress-label");
  const text = document.getElementById("progress-text");
  const spoken = document.getElementById("progress-spoken");
  const VERSION = { "Tus-Resumable": "1.0.0" };
  const LARGEST_PIECE = 8 * 2 ** 20; // what a broken connection costs at most
  const TRIES = 10;
  let current = null; // the request that sends now
  let paused = false;

  class Refused extends Error {} // final: the sentence is the service's
  class Paused extends Error {}

  const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
  const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
  const encoded = (said) => base64(new TextEncoder().encode(said));
  const digest = async (blob) =>
    base64(new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())));

  const size = (bytes) => {
    for (const unit of ["bytes", "kB", "MB"]) {
      if (bytes < 1000) return `${Number(bytes.toPrecision(3))} ${unit}`;
      bytes /= 1000;
    }
    return `${Number(bytes.toPrecision(3))} GB`;
  };

  // What is known of an upload between two visits: its address, the digests of its pieces.
  const key = (file) =>
    ["sequestra", form.dataset.benchmark, form.dataset.team, file.name, file.size].join("|");
  const recalled = (file) => {
    try {
      return JSON.parse(localStorage.getItem(key(file)));
    } catch {
      return null;
    }
  };
  const keep = (file, upload) => {
    try {
      localStorage.setItem(key(file), JSON.stringify(upload));
    } catch {
      // a browser that keeps nothing cannot go on later; this upload still ends well
    }
  };
  const forget = (file) => {
    try {
      localStorage.removeItem(key(file));
    } catch {
      // nothing was kept
    }
  };

  const refusal = async (answer, otherwise) => {
    let detail = otherwise;
    try {
      detail = (await answer.json()).detail ?? otherwise;
    } catch {
      // an answer of a proxy, not of the service
    }
    return new Refused(detail);
  };

  const create = async (file) => {
    const metadata = [
      `benchmark ${encoded(form.dataset.benchmark)}`,
      `team ${encoded(form.dataset.team)}`,
      `filename ${encoded(file.name.slice(0, 200))}`,
    ].join(",");
    const answer = await fetch("/api/v1/uploads", {
      method: "POST",
      headers: { ...VERSION, "Upload-Length": String(file.size), "Upload-Metadata": metadata },
    });
    if (!answer.ok) {
      throw await refusal(answer, `The service answered ${answer.status}; try again later.`);
    }
    const { upload_id: id, chunk_bytes: proposed } = await answer.json();
    const piece = Math.min(proposed ?? LARGEST_PIECE, LARGEST_PIECE);
    const upload = { id, address: answer.headers.get("Location"), piece, digests: [] };
    keep(file, upload);
    return upload;
  };

  const offset = async (upload) => {
    for (let busy = 0; ; busy += 1) {
      const answer = await fetch(upload.address, { method: "HEAD", headers: VERSION });
      if (answer.ok) return Number(answer.headers.get("Upload-Offset"));
      if (answer.status === 404 || answer.status === 410) return null;
      if (answer.status !== 423 || busy > 30) throw new Error(`HEAD ${answer.status}`);
      await wait(2);
    }
  };

  // Whether pieces of this file arrived before: another file may have its name and size.
  const isSame = async (file, upload, sent) => {
    const pieces = Math.ceil(sent / upload.piece);
    if (upload.digests.length < pieces) return false;
    for (let number = 0; number < pieces; number += 1) {
      tell(`Comparing with what arrived before`, number / Math.max(1, pieces), "");
      const begin = number * upload.piece;
      const blob = file.slice(begin, Math.min(begin + upload.piece, file.size));
      if ((await digest(blob)) !== upload.digests[number]) return false;
    }
    return true;
  };

  const begun = async (file) => {
    const upload = recalled(file);
    if (upload) {
      const sent = await offset(upload);
      if (sent !== null && (await isSame(file, upload, sent))) return { upload, sent };
      if (sent !== null) await fetch(upload.address, { method: "DELETE", headers: VERSION });
      forget(file);
    }
    return { upload: await create(file), sent: 0 };
  };

  const patch = (upload, at, blob, checksum, progress) =>
    new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      current = request;
      request.open("PATCH", upload.address);
      for (const [name, value] of Object.entries(VERSION)) request.setRequestHeader(name, value);
      request.setRequestHeader("Content-Type", "application/offset+octet-stream");
      request.setRequestHeader("Upload-Offset", String(at));
      request.setRequestHeader("Upload-Checksum", `sha256 ${checksum}`);
      request.upload.onprogress = (event) => progress(event.loaded);
      request.onload = () => done(request);
      request.onerror = () => failed(new Error("the connection broke"));
      request.onabort = () => failed(new Paused());
      request.send(blob);
    });

  const tell = (said, share, details) => {
    label.textContent = said;
    bar.value = 100 * share;
    text.textContent = details;
    const tenth = `${said}: ${10 * Math.floor(10 * share)} %`;
    if (spoken.textContent !== tenth) spoken.textContent = tenth;
  };

  const send = async (file) => {
    let { upload, sent } = await begun(file);
    let failures = 0;
    const began = { at: performance.now(), sent };
    const show = (bytes) => {
      const passed = (performance.now() - began.at) / 1000;
      const speed = passed > 1 ? `, ${size((bytes - began.sent) / passed)} a second` : "";
      tell("Sending", bytes / file.size, `${size(bytes)} of ${size(file.size)}${speed}`);
    };
    while (sent < file.size) {
      const end = Math.min((Math.floor(sent / upload.piece) + 1) * upload.piece, file.size);
      const number = Math.floor(sent / upload.piece);
      const blob = file.slice(sent, end);
      const whole = file.slice(number * upload.piece, end);
      try {
        upload.digests[number] = await digest(whole);
        keep(file, upload);
        if (paused) throw new Paused();
        const checksum = whole.size === blob.size ? upload.digests[number] : await digest(blob);
        const answer = await patch(upload, sent, blob, checksum, (bytes) => show(sent + bytes));
        if (answer.status === 204) {
          sent = Number(answer.getResponseHeader("Upload-Offset"));
          failures = 0;
          show(sent);
          continue;
        }
        if (![409, 423, 460].includes(answer.status) && answer.status < 500) {
          const body = new Response(answer.responseText);
          throw await refusal(body, `The service answered ${answer.status}; try again later.`);
        }
        throw new Error(`PATCH ${answer.status}`);
      } catch (error) {
        if (error instanceof Refused || error instanceof Paused) throw error;
        if (error.name === "NotReadableError" || error.name === "NotFoundError") {
          throw new Refused("The file changed or is gone; choose it again.");
        }
        failures += 1;
        if (failures > TRIES) throw error;
        const pauseSeconds = Math.min(2 ** failures, 30);
        tell("The connection broke", sent / file.size, `Trying again in ${pauseSeconds} seconds.`);
        await wait(pauseSeconds);
        if (paused) throw new Paused();
        const there = await offset(upload).catch(() => sent);
        if (there === null) {
          forget(file);
          throw new Refused("The upload is over: it was discarded or took too long. Send it again.");
        }
        sent = there;
      }
    }
    return upload;
  };

  const submit = (file, upload) => {
    forget(file);
    input.disabled = true;
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "upload_id";
    field.value = upload.id;
    form.append(field);
    form.enctype = "application/x-www-form-urlencoded";
    form.action = form.dataset.submit;
    form.submit();
  };

  const mistake = (sentence) => {
    let place = document.getElementById("archive-mistake");
    if (!place) {
      place = document.createElement("span");
      place.className = "mistake";
      place.id = "archive-mistake";
      place.setAttribute("role", "alert");
      input.before(place);
    }
    place.textContent = sentence;
    if (sentence) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };

  const leaving = (event) => event.preventDefault();

  const run = async () => {
    const file = input.files[0];
    if (!file || !file.size) {
      mistake("No file is chosen, or it is empty; choose an image archive.");
      input.focus();
      return;
    }
    mistake("");
    paused = false;
    start.disabled = true;
    input.disabled = true;
    pause.hidden = false;
    sending.hidden = false;
    window.addEventListener("beforeunload", leaving);
    try {
      tell("Beginning", 0, "");
      const upload = await send(file);
      window.removeEventListener("beforeunload", leaving);
      tell("Arrived, entering it", 1, "");
      submit(file, upload);
      return;
    } catch (error) {
      window.removeEventListener("beforeunload", leaving);
      if (error instanceof Paused) {
        tell("Paused", bar.value / 100, "What arrived is kept for a day. Press the button to go on.");
        start.textContent = "Go on";
      } else {
        sending.hidden = true;
        mistake(
          error instanceof Refused
            ? error.message
            : "The connection broke; what arrived is kept for a day. Press the button to go on.",
        );
        input.focus();
      }
    }
    current = null;
    start.disabled = false;
    input.disabled = false;
    pause.hidden = true;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  pause.addEventListener("click", () => {
    paused = true;
    current?.abort();
  });
})();
