// Keeps the page true: parts that are still being counted are fetched at once, and all parts anew when the
// server says that events were applied. Only what changed is replaced, so that focus and opened tables stay.
const PAUSE = 2000;
const PULSE = 10000;

export class Refresh {
  constructor(replaced) {
    this.replaced = replaced;
    this.newest = 0;
    this.busy = false;
  }

  parts() {
    return [...document.querySelectorAll("[data-refresh]")];
  }

  isDue(part) {
    return "pending" in part.dataset || ("asOf" in part.dataset && Number(part.dataset.asOf || 0) < this.newest);
  }

  changed(place) {
    this.newest = Math.max(this.newest, place);
    this.run();
  }

  // One part after the other, those in sight first, until every one is as new as the newest event.
  async run() {
    if (this.busy) return;
    this.busy = true;
    try {
      for (let due = this.parts().filter((part) => this.isDue(part)); due.length; due = this.parts().filter((part) => this.isDue(part))) {
        const pending = due.some((part) => "pending" in part.dataset);
        await Promise.all(due.map((part) => this.fetch(part)));
        if (!pending) await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    } catch {
      setTimeout(() => this.run(), PAUSE);
    } finally {
      this.busy = false;
    }
  }

  async fetch(part) {
    const answer = await fetch(part.dataset.refresh, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const told = new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
    this.replace(part, told);
  }

  replace(part, told) {
    for (const name of ["pending", "asOf"]) {
      if (name in told.dataset) part.dataset[name] = told.dataset[name];
      else delete part.dataset[name];
    }
    const olds = [...part.querySelectorAll("[data-part]")];
    const news = [...told.querySelectorAll("[data-part]")];
    news.forEach((fresh, place) => {
      const old = olds[place];
      if (!old || old.dataset.told === fresh.innerHTML || old.contains(document.activeElement)) return;
      const first = !("told" in old.dataset) && old.innerHTML === fresh.innerHTML;
      old.dataset.told = fresh.innerHTML;
      if (first) return;
      old.removeAttribute("aria-busy");
      old.replaceChildren(...fresh.childNodes);
      this.replaced(old);
    });
  }

  // The pulse moves by itself, also when no event comes.
  beat() {
    setInterval(() => {
      const pulse = document.getElementById("pulse");
      if (!document.hidden) this.fetch(pulse).catch(() => {});
    }, PULSE);
  }
}

// Listens for what is new, and says on the page whether it can.
export function listen(place, changed) {
  const text = place.querySelector("[data-live-text]");
  const say = (state, words) => {
    place.classList.toggle("on", state);
    place.classList.toggle("off", !state);
    if (text.textContent !== words) text.textContent = words;
  };
  const source = new EventSource(place.dataset.live);
  source.addEventListener("open", () => say(true, "Refreshes by itself"));
  source.addEventListener("error", () => say(false, "Reconnecting"));
  source.addEventListener("changed", (event) => changed(Number(event.data)));
}
