// Keeps the page true: parts that are still being counted are fetched at once, and all parts anew when the
// server says that events were applied. Only what changed is replaced, so that focus and opened tables stay.
const PAUSE = 2000;
const LONGEST_PAUSE = 60000;
const PULSE = 10000;

// The session is over: nothing more can be had before somebody logs in.
class LoggedOut extends Error {}

// The first element of a page of ours.
export async function asked(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (answer.status === 401) throw new LoggedOut();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html").body;
}

export class Refresh {
  constructor(live, replaced) {
    this.live = live;
    this.replaced = replaced;
    this.newest = 0;
    this.busy = false;
    this.pause = PAUSE;
    this.held = new WeakMap();
    this.waits = new WeakMap();
    this.parts().forEach((part) => this.later(part));
  }

  parts() {
    return [...document.querySelectorAll("[data-refresh]")];
  }

  due() {
    return this.parts().filter((part) => "pending" in part.dataset || ("asOf" in part.dataset && Number(part.dataset.asOf || 0) < this.newest));
  }

  changed(mark) {
    this.newest = Math.max(this.newest, mark);
    this.run();
  }

  // One part after the other, those in sight first, until every one is as new as the newest commit.
  async run() {
    if (this.busy || this.live.ended) return;
    this.busy = true;
    try {
      for (let due = this.due(); due.length; due = this.due()) {
        const pending = due.some((part) => "pending" in part.dataset);
        const began = performance.now();
        await Promise.all(due.map((part) => this.fetch(part)));
        this.pause = PAUSE;
        const rest = this.rest(performance.now() - began);
        if (!pending) await new Promise((resolve) => setTimeout(resolve, rest));
      }
    } catch (error) {
      this.failed(error);
      setTimeout(() => this.run(), this.pause);
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
    } finally {
      this.busy = false;
    }
  }

  // Milliseconds to wait after parts that took so many.
  rest() {
    return PAUSE;
  }

  failed(error) {
    if (error instanceof LoggedOut) this.live.end();
  }

  // What took too long is asked for again when the server would try it again: once, however often it was told.
  later(part) {
    clearTimeout(this.waits.get(part));
    if (!("again" in part.dataset)) return;
    const again = () => {
      part.dataset.pending = "";
      this.run();
    };
    this.waits.set(part, setTimeout(again, Number(part.dataset.again) * 1000));
  }

  async fetch(part) {
    this.replace(part, (await asked(part.dataset.refresh)).querySelector("[data-refresh]"));
  }

  replace(part, told) {
    for (const name of ["pending", "asOf", "again"]) {
      if (name in told.dataset) part.dataset[name] = told.dataset[name];
      else delete part.dataset[name];
    }
    this.later(part);
    const olds = [...part.querySelectorAll("[data-part]")];
    const news = [...told.querySelectorAll("[data-part]")];
    news.forEach((fresh, place) => this.put(olds[place], fresh));
  }

  put(old, fresh) {
    if (!old) return;
    if (old.contains(document.activeElement)) return this.hold(old, fresh);
    if (this.held.has(old)) this.held.set(old, null);
    this.swap(old, fresh);
  }

  swap(old, fresh) {
    if (old.dataset.told === fresh.innerHTML) return;
    const first = !("told" in old.dataset) && old.innerHTML === fresh.innerHTML;
    old.dataset.told = fresh.innerHTML;
    old.removeAttribute("aria-busy");
    if (first) return;
    old.replaceChildren(...fresh.childNodes);
    this.replaced(old);
  }

  // What has the focus stays as it is until the focus has left it.
  hold(old, fresh) {
    const known = this.held.has(old);
    this.held.set(old, fresh);
    if (known) return;
    old.addEventListener("focusout", () =>
      setTimeout(() => {
        const waiting = this.held.get(old);
        if (waiting && !old.contains(document.activeElement)) this.put(old, waiting);
      })
    );
  }

  // The pulse moves by itself, also when no event comes.
  beat() {
    setInterval(() => {
      if (!document.hidden && !this.live.ended) this.look();
    }, PULSE);
  }

  look() {
    this.fetch(document.getElementById("pulse")).catch((error) => this.failed(error));
  }
}
