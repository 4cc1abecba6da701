// Listens for what is new, and says on the page whether it can.
const PAUSE = 10000;

export class Live {
  constructor(place) {
    this.place = place;
    this.text = place.querySelector("[data-live-text]");
    this.ended = false;
  }

  // Only while the page can be seen: a browser opens few connections to a server, for all of its pages.
  listen(changed, refused) {
    this.changed = changed;
    this.refused = refused;
    document.addEventListener("visibilitychange", () => this.follow());
    this.follow();
  }

  follow() {
    this.source?.close();
    if (document.hidden || this.ended) return;
    this.source = new EventSource(this.place.dataset.live);
    this.source.addEventListener("open", () => this.say(true, "Refreshes by itself"));
    this.source.addEventListener("error", () => this.lost());
    this.source.addEventListener("changed", (event) => this.changed(Number(event.data)));
  }

  // The browser dials again by itself, but not where it was refused.
  lost() {
    if (this.ended) return;
    this.say(false, "Reconnecting");
    if (this.source.readyState !== EventSource.CLOSED) return;
    this.refused();
    setTimeout(() => this.follow(), PAUSE);
  }

  // The session is over.
  end() {
    if (this.ended) return;
    this.ended = true;
    this.source?.close();
    this.say(false, "");
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "Logged out: log in again";
    this.text.replaceChildren(link);
  }

  say(on, words) {
    this.place.classList.toggle("on", on);
    this.place.classList.toggle("off", !on);
    if (this.text.textContent !== words) this.text.textContent = words;
  }
}
