/* Small comforts of the pages: feeds that change visibly, notes that go away, steppers, the departments' panel.
   Everything works without them. */
(() => {
  "use strict";

  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const NOTE_MS = 5000;
  const MOVE_MS = 420;
  const EASE = "cubic-bezier(.2, .7, .2, 1)";

  document.documentElement.classList.add("js");

  /* --- a feed that has changed: cards glide to their new places, new ones fade in ------------------------- */

  let before = null;

  function cardsOf(feed) {
    return new Map(Array.from(feed.querySelectorAll("[data-card]"), (card) => [card.dataset.card, card]));
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const feed = event.detail.target;
    if (!feed.matches("[data-live-feed]")) return;
    before = new Map();
    for (const [code, card] of cardsOf(feed)) before.set(code, card.getBoundingClientRect());
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const feed = event.detail.elt;
    if (!before || !feed.matches || !feed.matches("[data-live-feed]")) return;
    let fresh = 0;
    for (const [code, card] of cardsOf(feed)) {
      const old = before.get(code);
      if (!old) fresh += 1;
      if (!calm.matches) glide(card, old);
    }
    before = null;
    say(fresh ? `Your feed has changed: ${fresh} new ${fresh === 1 ? "product" : "products"}.` : "");
  });

  function glide(card, old) {
    const now = card.getBoundingClientRect();
    if (!old) {
      card.animate([{ opacity: 0, transform: "scale(.94)" }, { opacity: 1, transform: "none" }],
        { duration: MOVE_MS, easing: EASE });
    } else if (old.left !== now.left || old.top !== now.top) {
      const from = `translate(${old.left - now.left}px, ${old.top - now.top}px)`;
      card.animate([{ transform: from }, { transform: "none" }], { duration: MOVE_MS, easing: EASE });
    }
  }

  function say(text) {
    const place = document.getElementById("feed-status");
    if (place) place.textContent = text;
  }

  /* --- liking and hiding, where the feed does not renew itself ------------------------------------------- */

  document.addEventListener("htmx:afterRequest", (event) => {
    const button = event.detail.elt;
    if (!event.detail.successful || button.name !== "opinion") return;
    const said = button.value;
    const card = button.closest("[data-card]");
    if (button.dataset.opinion === "like") {
      button.setAttribute("aria-pressed", String(said === "like"));
      button.value = said === "like" ? "none" : "like";
    } else if (card && said === "hide" && !card.closest("[data-live-feed]")) {
      const gone = () => card.remove();
      if (calm.matches) gone();
      else card.animate({ opacity: 0, transform: "scale(.9)" }, { duration: 220, easing: EASE }).finished.then(gone);
    } else if (!card) {
      button.setAttribute("aria-pressed", String(said === "hide"));
      button.value = said === "hide" ? "none" : "hide";
    }
  });

  /* --- notes ----------------------------------------------------------------------------------------------- */

  function addNote(text) {
    const place = document.getElementById("notes");
    const note = document.createElement("p");
    note.className = "note note-failed";
    note.textContent = text;
    place.append(note);
  }

  document.addEventListener("htmx:responseError", () => addNote("That did not work. Please reload the page and try again."));
  document.addEventListener("htmx:sendError", () => addNote("The shop cannot be reached at the moment. Please try again."));

  const notes = document.getElementById("notes");
  if (notes) {
    new MutationObserver((changes) => {
      for (const change of changes) for (const note of change.addedNodes) {
        if (note.nodeType === Node.ELEMENT_NODE) setTimeout(() => note.remove(), NOTE_MS);
      }
    }).observe(notes, { childList: true });
  }

  /* --- quantities: plus and minus, and the basket follows --------------------------------------------------- */

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (!button) return;
    const field = button.parentElement.querySelector("input[type=number]");
    const old = field.value;
    if (button.dataset.step === "1") field.stepUp(); else field.stepDown();
    if (field.value !== old) field.dispatchEvent(new Event("change", { bubbles: true }));
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit();
  });

  /* --- the departments' panel closes like a menu ------------------------------------------------------------ */

  const panel = document.getElementById("departments");
  if (panel) {
    document.addEventListener("click", (event) => { if (!panel.contains(event.target)) panel.open = false; });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !panel.open) return;
      panel.open = false;
      panel.querySelector("summary").focus();
    });
  }
})();
