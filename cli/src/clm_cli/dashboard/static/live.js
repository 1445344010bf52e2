// Keeps the page as the cluster is: after a change of what it shows it fetches its own <main>
// again, and what the reader has begun there stays: focus, scrolling, open parts, typed words.
"use strict";

(() => {
  const SILENCE_MS = 45000; // the server sends a beat every 15 s
  const MINUTE_MS = 60000; // "5 min ago" is wrong a minute later
  const AGAIN_MS = 5000;

  let source = null;
  let topics = "";
  let heard = Date.now();
  let fetched = Date.now();
  let busy = false;
  let wanted = false;
  let lost = false;

  const main = () => document.getElementById("main");
  const openDialog = () => document.querySelector("#main dialog[open]");

  function say(text) {
    const line = document.getElementById("link");
    if (line && line.textContent !== text) line.textContent = text;
  }

  function said() {
    const one = document.querySelector("#main [data-said]");
    return one ? one.dataset.said : "";
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  function listen() {
    close();
    if (document.hidden || !main()) return;
    topics = main().dataset.topics;
    if (!topics) return;
    const query = new URLSearchParams({ since: main().dataset.revision });
    for (const topic of topics.split(" ")) query.append("topic", topic);
    source = new EventSource(`/events?${query}`);
    heard = Date.now();
    source.addEventListener("open", found);
    source.addEventListener("beat", found);
    source.addEventListener("change", () => { found(); refresh(); });
    source.addEventListener("error", () => { lost = true; say("Not live: clm dashboard does not answer."); });
  }

  function found() {
    heard = Date.now();
    lost = false;
    say("");
  }

  function keyOf(element) {
    if (element.id) return `#${CSS.escape(element.id)}`;
    const form = element.closest("form[id]");
    if (form && element.name) return `#${CSS.escape(form.id)} [name="${CSS.escape(element.name)}"]`;
    const link = element.getAttribute("href");
    return link ? `#main a[href="${CSS.escape(link)}"]` : "";
  }

  function touched(form) {
    return Array.from(form.elements).some((field) =>
      field.type === "checkbox" || field.type === "radio"
        ? field.checked !== field.defaultChecked
        : field.tagName === "SELECT"
          ? Array.from(field.options).some((one) => one.selected !== one.defaultSelected)
          : "defaultValue" in field && field.type !== "hidden" && field.value !== field.defaultValue);
  }

  function remember() {
    const active = document.activeElement;
    const inside = active && main().contains(active) && active !== main();
    const details = {};
    for (const one of document.querySelectorAll("#main details[id]")) details[one.id] = one.open;
    const scrolled = Array.from(document.querySelectorAll("#main [data-scroll][id]"))
      .map((one) => [one.id, one.scrollLeft, one.scrollTop]);
    return {
      focus: inside ? keyOf(active) : "",
      selection: inside && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null,
      forms: Array.from(document.querySelectorAll("#main form[id]")).filter(touched),
      details,
      scrolled,
      checked: Array.from(document.querySelectorAll("#main form:not([id]) input[type=checkbox][id]"))
        .filter((one) => one.checked).map((one) => one.id),
      said: said(),
      window: [window.scrollX, window.scrollY],
    };
  }

  function restore(kept) {
    for (const form of kept.forms) {
      // The form as it was begun, with what it was shown then: a race is refused, not overlooked.
      const fresh = document.getElementById(form.id);
      if (fresh && fresh !== form) fresh.replaceWith(form);
    }
    for (const [id, open] of Object.entries(kept.details)) {
      const one = document.getElementById(id);
      if (one) one.open = open;
    }
    for (const id of kept.checked) {
      const one = document.getElementById(id);
      if (one) one.checked = true;
    }
    if (said() !== kept.said) document.getElementById("said").textContent = said();
    for (const [id, left, top] of kept.scrolled) {
      const one = document.getElementById(id);
      if (one) one.scrollTo(left, top);
    }
    window.scrollTo(...kept.window);
    const focus = kept.focus && document.querySelector(kept.focus);
    if (focus) {
      focus.focus({ preventScroll: true });
      if (kept.selection && kept.selection[0] !== null) {
        try { focus.setSelectionRange(...kept.selection); } catch { /* this kind of field has none */ }
      }
    }
  }

  async function refresh() {
    wanted = true;
    if (busy || document.hidden || openDialog()) return;
    busy = true;
    wanted = false;
    const kept = remember();
    try {
      await htmx.ajax("GET", location.pathname + location.search, {
        target: "#main", swap: "outerHTML settle:0ms swap:0ms",
      });
      fetched = Date.now();
      restore(kept);
    } catch {
      lost = true;
    }
    busy = false;
    if (main() && main().dataset.topics !== topics) listen();
    if (wanted) setTimeout(refresh, 1000);
  }

  function look() {
    if (document.hidden || !main()) return;
    const now = Date.now();
    if (now - heard > SILENCE_MS || (source && source.readyState === EventSource.CLOSED && now - heard > AGAIN_MS)) listen();
    if ((wanted || now - fetched > MINUTE_MS) && !lost) refresh();
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { close(); return; }
    listen();
    refresh();
  });
  document.addEventListener("close", (event) => {
    if (event.target.tagName === "DIALOG" && wanted) refresh();
  }, true);
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    const closer = event.target.closest("[data-closes]");
    if (opener) document.getElementById(opener.dataset.opens).showModal();
    if (closer) closer.closest("dialog").close();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  setInterval(look, 1000);
  listen();
})();
