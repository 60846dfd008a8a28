/* Tells the shop what its shopper looks at, and every open page when that has been stored.

   Each interaction has an id of its own and waits in localStorage until the shop has acknowledged it: whatever a
   lost network or a closed page left there is sent again, and stored once. After an acknowledgement
   `interaction-stored` is fired on <body>, here and in the shop's other tabs; a feed that has seen less asks for
   itself anew. Pages work without this file: the basket, likes and hides are recorded by the server,
   and views by the picture in <noscript> on a product's page. */
(() => {
  "use strict";

  const ADDRESS = "/api/v1/interactions";
  const WAITING = "shop.waiting.";       // one key per interaction, so that two tabs never overwrite each other
  const NEWEST = "shop.seq";             // the newest sequence number acknowledged to this browser
  const CAME_FROM = "shop.from.";        // by which feed this tab came to a product
  const KEPT_DAYS = 7;
  const BATCH = 100;
  const FIRST_RETRY_MS = 2000;
  const LAST_RETRY_MS = 60000;

  const tabs = "BroadcastChannel" in window ? new BroadcastChannel("shop") : null;
  let retryMs = FIRST_RETRY_MS;
  let retry = 0;
  let sending = false;
  let newest = 0;
  let asked = 0;                         // what was newest when feeds last asked for themselves

  /* Storage may be full or forbidden: then an interaction is sent once, and that is all. */
  function read(store, key) {
    try { return store.getItem(key); } catch { return null; }
  }

  function write(store, key, value) {
    try { store.setItem(key, value); } catch { /* see above */ }
  }

  function forget(ids) {
    try { ids.forEach((id) => localStorage.removeItem(WAITING + id)); } catch { /* see above */ }
  }

  function waiting() {
    const oldest = Date.now() - KEPT_DAYS * 86400000;
    const found = [];
    try {
      for (const key of Object.keys(localStorage).filter((name) => name.startsWith(WAITING))) {
        const entry = JSON.parse(localStorage.getItem(key));
        if (entry && WAITING + entry.id === key && Date.parse(entry.occurred_at) > oldest) found.push(entry);
        else localStorage.removeItem(key);
      }
    } catch { return []; }
    return found.sort((a, b) => a.occurred_at.localeCompare(b.occurred_at)).slice(0, BATCH);
  }

  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();      // only on HTTPS and localhost
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  function note(what) {
    const entry = { id: newId(), occurred_at: new Date().toISOString(), ...what };
    write(localStorage, WAITING + entry.id, JSON.stringify(entry));
    return entry;
  }

  /* Sends all that waits. `extra` is there for browsers without storage. */
  async function send(extra) {
    if (sending) return;
    const entries = waiting();
    if (extra && !entries.some((entry) => entry.id === extra.id)) entries.push(extra);
    if (!entries.length) return;
    sending = true;
    clearTimeout(retry);
    let again = false;
    try {
      const response = await fetch(ADDRESS, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ interactions: entries }),
        keepalive: true,
        credentials: "same-origin",
      });
      if (response.ok) {
        retryMs = FIRST_RETRY_MS;
        forget(entries.map((entry) => entry.id));
        stored((await response.json()).seq);
        again = waiting().length > 0;
      } else if (response.status >= 500 || response.status === 429) {
        throw new Error(String(response.status));
      } else {
        again = forgetRefused(entries, await response.json().catch(() => ({})));
      }
    } catch {
      retry = setTimeout(send, retryMs);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    }
    sending = false;
    if (again) send();
  }

  /* A product that is gone must not hold up the others: the answer names the bad entries by index. */
  function forgetRefused(entries, problem) {
    const bad = (problem.errors || [])
      .map((error) => /^\/interactions\/(\d+)/.exec(error.pointer))
      .filter(Boolean)
      .map((match) => entries[Number(match[1])])
      .filter(Boolean);
    forget((bad.length ? bad : entries).map((entry) => entry.id));
    return bad.length > 0 && bad.length < entries.length;
  }

  function remember(seq) {
    newest = seq;
    write(localStorage, NEWEST, String(seq));
  }

  function stored(seq) {
    document.body.dispatchEvent(new CustomEvent("interaction-stored", { bubbles: true, detail: { seq } }));
  }

  /* Feeds on this page that have seen less than is stored ask for themselves anew: see feed/_feed.html. One that is
     asking already looks again when the answer has come. */
  function refreshFeeds() {
    newest = Number(read(localStorage, NEWEST) ?? newest);
    for (const feed of document.querySelectorAll("[data-live-feed]:not(.htmx-request)")) {
      if (Number(feed.dataset.seq) >= newest) continue;
      asked = newest;
      feed.dispatchEvent(new CustomEvent("feed-behind"));
    }
  }

  document.addEventListener("interaction-stored", (event) => {
    const { seq, fromOtherTab } = event.detail || {};
    if (typeof seq !== "number") return;
    remember(Math.max(seq, newest));
    if (tabs && !fromOtherTab) tabs.postMessage({ seq });
    refreshFeeds();
  });

  /* A feed that has just come and has seen less than was stored when it was asked for is somebody else's: after
     signing in or out numbers begin anew, and the server is right. */
  document.addEventListener("htmx:afterSettle", (event) => {
    const feed = event.detail.elt;
    if (!feed || !feed.matches || !feed.matches("[data-live-feed]")) return;
    if (Number(feed.dataset.seq) >= newest) return;
    if (newest > asked) refreshFeeds();
    else remember(Number(feed.dataset.seq));
  });

  if (tabs) {
    tabs.onmessage = (message) => {
      const detail = { seq: message.data.seq, fromOtherTab: true };
      document.body.dispatchEvent(new CustomEvent("interaction-stored", { bubbles: true, detail }));
    };
  }

  /* Back to a page that the browser kept, or rendered before the newest interaction was stored. */
  window.addEventListener("pageshow", () => { refreshFeeds(); send(); });
  window.addEventListener("online", () => send());

  window.addEventListener("pagehide", () => {
    const entries = waiting();
    if (!entries.length || !navigator.sendBeacon) return;
    // They wait on, unacknowledged: the next page sends them again and so learns the sequence number.
    navigator.sendBeacon(ADDRESS, new Blob([JSON.stringify({ interactions: entries })], { type: "application/json" }));
  });

  function opened(event) {
    const link = event.target.closest("a[data-product]");
    if (!link || (event.type === "auxclick" && event.button !== 1)) return;
    const { product, recommendation } = link.dataset;
    if (recommendation) write(sessionStorage, CAME_FROM + product, recommendation);
    note({ kind: "click", product, recommendation });
  }
  document.addEventListener("click", opened);
  document.addEventListener("auxclick", opened);

  function view() {
    const page = document.querySelector("[data-view], [data-search]");
    if (!page) return;
    const { view: product, search: query } = page.dataset;
    if (query) { send(note({ kind: "search", query })); return; }
    const recommendation = read(sessionStorage, CAME_FROM + product);
    for (const field of page.querySelectorAll(".product input[name=recommendation]")) field.value = recommendation || "";
    send(note({ kind: "view", product, recommendation }));
  }

  /* A page opened in a background tab has been looked at once it comes to the front. */
  if (document.visibilityState === "visible" && !document.prerendering) view();
  else document.addEventListener("visibilitychange", view, { once: true });
})();
