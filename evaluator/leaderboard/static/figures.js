// Draws the figures of a page from the JSON beside them, in the colours the reader prefers.
"use strict";

(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let printing = false;

  function recoloured(value, colours) {
    if (typeof value === "string") return colours[value] ?? value;
    if (Array.isArray(value)) return value.map((each) => recoloured(each, colours));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, each]) => [key, recoloured(each, colours)]),
      );
    }
    return value;
  }

  function draw(plot) {
    const given = JSON.parse(document.getElementById(plot.dataset.source).textContent);
    const colours = dark.matches && !printing ? given.dark : {};
    const layout = recoloured(given.layout, colours);
    if (plot.clientWidth < 480) {
      layout.font.size = 11;
      layout.margin = { ...layout.margin, l: Math.min(layout.margin.l, 44) };
    }
    plot.style.height = `${layout.height}px`; // else it collapses on paper
    const still = { displayModeBar: false, responsive: true, scrollZoom: false };
    return Plotly.react(plot, recoloured(given.data, colours), layout, still).then(() => {
      plot.classList.add("drawn");
      for (const svg of plot.querySelectorAll("svg")) svg.setAttribute("aria-hidden", "true");
    });
  }

  function drawAll() {
    return Promise.all([...document.querySelectorAll(".plot[data-source]")].map(draw));
  }

  dark.addEventListener("change", drawAll);
  window.addEventListener("beforeprint", () => {
    printing = true;
    drawAll();
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    drawAll();
  });
  drawAll();
})();
