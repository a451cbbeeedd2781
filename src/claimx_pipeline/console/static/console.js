// Keeps the overview fresh; every page works without it.
"use strict";

const live = document.getElementById("live");

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  if (fresh && !live.contains(document.activeElement)) live.replaceChildren(...fresh.childNodes);
}

if (live) {
  // What cannot be had now is asked for again at the next turn.
  setInterval(() => refresh().catch(() => {}), 1000 * Number(live.dataset.seconds));
}
