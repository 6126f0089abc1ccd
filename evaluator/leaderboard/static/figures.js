"use strict";
// Reads out the marks of each chart: by pointer, or by arrow keys. Opens closed parts for print.
for (const plot of document.querySelectorAll(".plot")) {
  const marks = [...plot.querySelectorAll("[data-t]")];
  if (!marks.length) continue;
  const tip = plot.appendChild(document.createElement("div"));
  tip.className = "tip";
  tip.setAttribute("role", "status");
  plot.tabIndex = 0;
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", "Chart; arrow keys go from mark to mark");
  let at = -1;
  const middle = (mark) => {
    const box = mark.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2, box.top];
  };
  const show = (index) => {
    marks[at]?.classList.remove("on");
    at = index;
    const mark = marks[at];
    tip.textContent = mark ? mark.dataset.t : "";
    if (!mark) return;
    mark.classList.add("on");
    const frame = plot.getBoundingClientRect();
    const [x, , top] = middle(mark);
    const half = tip.offsetWidth / 2;
    tip.style.left = Math.min(Math.max(x - frame.left, half), frame.width - half) + "px";
    tip.style.top = top - frame.top + "px";
  };
  plot.addEventListener("pointermove", (event) => {
    let best = -1;
    let least = 40;
    marks.forEach((mark, index) => {
      const [x, y] = middle(mark);
      const far = Math.hypot(x - event.clientX, y - event.clientY);
      if (far < least) [best, least] = [index, far];
    });
    if (best !== at) show(best);
  });
  plot.addEventListener("pointerleave", () => show(-1));
  plot.addEventListener("blur", () => show(-1));
  plot.addEventListener("keydown", (event) => {
    const last = marks.length - 1;
    const to = {
      ArrowRight: Math.min(at + 1, last),
      ArrowDown: Math.min(at + 1, last),
      ArrowLeft: Math.max(at - 1, 0),
      ArrowUp: Math.max(at - 1, 0),
      Home: 0,
      End: last,
      Escape: -1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
}
const shut = [];
addEventListener("beforeprint", () => {
  shut.push(...document.querySelectorAll("details:not([open])"));
  for (const part of shut) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of shut.splice(0)) part.open = false;
});
