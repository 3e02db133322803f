// Refreshes what is marked: the page is asked for again, and its #live taken over. Without script the
// page stands still, and whoever reads it reloads it.
"use strict";

for (const live of document.querySelectorAll("[data-live]")) {
  const [status, button] = [live.querySelector("[role=status]"), live.querySelector("button")];
  const seconds = Number(live.dataset.live);
  const said = status.textContent;
  let paused = false;

  const say = (text) => { if (status.textContent !== text) status.textContent = text; };
  const isRead = () => {
    const here = document.getElementById("live");
    const selected = document.getSelection();
    return here.contains(document.activeElement) || here.querySelector("details[open]")
      || (!selected.isCollapsed && here.contains(selected.anchorNode));
  };
  const refresh = async () => {
    if (paused || document.hidden || isRead()) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [old, now] = [document.getElementById("live"), page.getElementById("live")];
      if (!answer.ok || !now) { say(`Stands still: the service said ${answer.status}`); return; }
      const known = new Set([...old.querySelectorAll("[data-key]")].map((row) => row.dataset.key));
      for (const row of now.querySelectorAll("[data-key]")) {
        if (known.size && !known.has(row.dataset.key)) row.classList.add("new");
      }
      old.replaceWith(document.adoptNode(now));
      say(said);
    } catch {
      say("Stands still: the service cannot be reached");
    }
  };

  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    say(paused ? "Paused" : said);
  });
  live.hidden = false;
  setInterval(refresh, seconds * 1000);
}
