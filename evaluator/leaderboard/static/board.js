// Sorts, filters and turns pages without a new page, so that the place of the keyboard is kept.
// Without it the same links and the same form lead to the same boards.
"use strict";

(() => {
  const main = document.getElementById("content");
  let asked = null;

  // What was pressed, to find it again in the page that comes.
  function pressed(element) {
    if (element.id) return (page) => page.getElementById(element.id);
    const head = element.closest("thead th");
    if (head) {
      const place = [...head.parentElement.cells].indexOf(head);
      return (page) => page.querySelectorAll("thead th")[place]?.querySelector("a");
    }
    const text = element.textContent;
    return (page) =>
      [...page.querySelectorAll(".pager a")].find((each) => each.textContent === text) ??
      page.querySelector(".pager [aria-current]");
  }

  async function show(address, again, push) {
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    let page;
    try {
      const answer = await fetch(address, { signal, headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch (problem) {
      if (problem.name !== "AbortError") location.assign(address);
      return;
    }
    const open = main.querySelector("details.choose")?.open ?? false;
    const status = document.getElementById("board-status");
    const typed = document.activeElement?.id === "q" ? document.activeElement : null;
    const told = page.getElementById("board-status")?.textContent.trim() ?? "";
    const fresh = page.getElementById("content");
    // The status stays the same element, else no screen reader tells what it says now.
    if (status) fresh.querySelector("#board-status")?.replaceWith(status);
    main.replaceChildren(...fresh.childNodes);
    if (status) status.textContent = told;
    const choice = main.querySelector("details.choose");
    if (choice) choice.open = open;
    if (push) history.pushState(null, "", address);
    const target = again?.(document);
    target?.focus({ preventScroll: true });
    if (typed && target instanceof HTMLInputElement) {
      target.value = typed.value;
      target.setSelectionRange(typed.selectionStart, typed.selectionEnd);
    }
    if (!target) main.focus({ preventScroll: true });
  }

  function addressOf(form) {
    const chosen = new URLSearchParams(new FormData(form));
    if (!chosen.get("q")) chosen.delete("q");
    return `${form.action}?${chosen}`;
  }

  main.addEventListener("click", (event) => {
    const link = event.target.closest("thead a, .pager a");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    show(link.href, pressed(link), true);
    if (link.closest(".pager")) main.querySelector(".board-form")?.scrollIntoView();
  });

  main.addEventListener("submit", (event) => {
    event.preventDefault();
    show(addressOf(event.target), pressed(document.getElementById("q")), true);
  });

  main.addEventListener("change", (event) => {
    const field = event.target;
    if (!field.form || field.id === "q") return;
    const name = `${field.name}=${field.value}`;
    const again = field.id
      ? pressed(field)
      : (page) =>
          [...page.querySelectorAll(".choose input")].find(
            (each) => `${each.name}=${each.value}` === name,
          );
    show(addressOf(field.form), again, true);
  });

  window.addEventListener("popstate", () => show(location.href, null, false));
})();
