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
  let focused = null;

  function cardsOf(feed) {
    return new Map(Array.from(feed.querySelectorAll("[data-card]"), (card) => [card.dataset.card, card]));
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const feed = event.detail.target;
    if (!feed.matches("[data-live-feed]")) return;
    // A button of a card waits for its answer, which would find no page to change; it brings a renewal of its own.
    if (feed.querySelector(".htmx-request")) { event.detail.shouldSwap = false; return; }
    before = new Map();
    for (const [code, card] of cardsOf(feed)) before.set(code, card.getBoundingClientRect());
    focused = placeOf(document.activeElement, feed);
  });

  /* Where in the feed the keyboard is: on which button of which card, and in which place that card stands. */
  function placeOf(element, feed) {
    const card = element && feed.contains(element) ? element.closest("[data-card]") : null;
    if (!card) return null;
    const buttons = Array.from(card.querySelectorAll("a, button"));
    return { code: card.dataset.card, button: buttons.indexOf(element), place: Array.from(cardsOf(feed).values()).indexOf(card) };
  }

  function focusAgain(feed) {
    const cards = cardsOf(feed);
    const card = cards.get(focused.code) || Array.from(cards.values())[focused.place];
    const button = card && card.querySelectorAll("a, button")[focused.button];
    if (button) button.focus({ preventScroll: true });
  }

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
    if (focused) focusAgain(feed);
    focused = null;
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
    const [said, ...code] = button.value.split(":");
    const card = button.closest("[data-card]");
    const opposite = (word) => `${said === word ? "none" : word}:${code.join(":")}`;
    if (button.matches(".card-like, .pill-like, .pill-hide")) {
      const word = button.matches(".pill-hide") ? "hide" : "like";
      for (const other of button.form.querySelectorAll(".pill[aria-pressed=true]")) release(other);
      button.setAttribute("aria-pressed", String(said === word));
      button.value = opposite(word);
    } else if (card && !card.closest("[data-live-feed]")) {
      const gone = () => card.closest("li").remove();
      if (calm.matches) gone();
      else card.animate({ opacity: 0, transform: "scale(.9)" }, { duration: 220, easing: EASE }).finished.then(gone);
    }
  });

  /* Of liking and hiding, one takes the place of the other. */
  function release(pill) {
    pill.setAttribute("aria-pressed", "false");
    pill.value = pill.value.replace("none", pill.matches(".pill-hide") ? "hide" : "like");
  }

  /* --- the basket's number: of two answers the one counted last stays, whichever comes last --------------- */

  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    const link = target.id === "basket-link" && fragment.querySelector("#basket-link");
    if (link && Number(link.dataset.countedAt) < Number(target.dataset.countedAt)) event.detail.shouldSwap = false;
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
