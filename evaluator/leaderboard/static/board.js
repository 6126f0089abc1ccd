// Makes a board's columns sortable; without it the board stands in the order of its ranks.
"use strict";

(() => {
  document.documentElement.classList.add("scripted");

  for (const table of document.querySelectorAll("table.board")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const status = document.getElementById("sort-status");
    const choice = document.getElementById("sort-choice");

    const sort = (column, descending) => {
      const key = (row) => row.cells[column].dataset.value ?? "";
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [key(one), key(other)];
        if (a === "" || b === "") return (a === "") - (b === ""); // what is undefined stays last
        const numeric = heads[column].dataset.sort === "number";
        const order = numeric ? Number(a) - Number(b) : a.localeCompare(b);
        return descending ? -order : order;
      });
      body.append(...rows);
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      heads[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
      const name = heads[column].dataset.name ?? heads[column].textContent.trim();
      status.textContent = `Sorted by ${name}, ${descending ? "descending" : "ascending"}.`;
      if (choice) choice.value = String(column);
    };

    heads.forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.dataset.first === "descending";
        sort(column, now === null ? first : now === "ascending");
      });
      if (choice) {
        const name = head.dataset.name ?? head.textContent.trim();
        choice.add(new Option(name, String(column), false, column === 0));
      }
    });
    choice?.addEventListener("change", () => {
      const column = Number(choice.value);
      sort(column, heads[column].dataset.first === "descending");
    });
  }
})();
