// A life that is open: what is new of it appears where it belongs, and its reader stays where he is.
import { Live } from "./live.js";
import { Refresh } from "./refresh.js";

// A page that took a second to be told is not asked for again for ten.
const WORTH = 10;

// What an element says, whichever of its details are opened.
function said(element) {
  const copy = element.cloneNode(true);
  copy.querySelectorAll("details").forEach((each) => each.removeAttribute("open"));
  return copy.innerHTML;
}

class Reading extends Refresh {
  rest(took) {
    return Math.max(super.rest(took), WORTH * took);
  }

  look() {
    this.parts().forEach((part) => this.fetch(part).catch((error) => this.failed(error)));
  }

  replace(part, told) {
    const list = part.querySelector("[data-list]");
    const stay = this.staying(list);
    super.replace(part, told);
    const added = this.merge(list, told.querySelector("[data-list]"));
    stay();
    if (added.length) this.tell(added.length === 1 ? "New:" : `${added.length} new, the first:`, `#${added[0].id}`, added[0].querySelector("h3"));
    else if (Number(told.dataset.events) > Number(part.dataset.events)) this.tell("New, but not on this page:", part.querySelector("[rel=last]")?.href ?? location.href, "go there");
    part.dataset.events = told.dataset.events;
  }

  swap(old, fresh) {
    if (said(old) === said(fresh)) return;
    const open = [...old.querySelectorAll("details")].map((each) => each.open);
    old.replaceChildren(...fresh.childNodes);
    old.querySelectorAll("details").forEach((each, place) => (each.open = open[place] ?? false));
  }

  // Events that are there already stay the same elements. Returns those that were not.
  merge(list, told) {
    const focused = document.activeElement;
    const here = new Map([...list.children].map((each) => [each.id, each]));
    const wanted = [...told.children];
    const there = new Set(wanted.map((each) => each.id));
    here.forEach((each, id) => there.has(id) || each.contains(focused) || each.remove());
    let at = list.firstElementChild;
    wanted.forEach((each) => {
      const known = here.get(each.id);
      if (known && known === at) at = at.nextElementSibling;
      else list.insertBefore(known ?? each, at);
      if (known) this.put(known, each);
    });
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    const added = wanted.filter((each) => !here.has(each.id));
    added.forEach((each) => each.classList.add("fresh"));
    return added;
  }

  // What keeps the event that is in sight where it is, whatever is put above it. At the top of the page nothing is.
  staying(list) {
    const first = [...list.children].find((each) => each.getBoundingClientRect().bottom > 0);
    const top = first?.getBoundingClientRect().top;
    return () => {
      if (first?.isConnected && scrollY > 0) scrollBy({ top: first.getBoundingClientRect().top - top, behavior: "instant" });
    };
  }

  // The link stays the same element: it may have the focus.
  tell(words, address, what) {
    const place = document.querySelector("[data-news]");
    const link = place.querySelector("a") ?? place.appendChild(document.createElement("a"));
    link.previousSibling?.remove();
    link.before(`${words} `);
    link.href = address;
    link.textContent = what.textContent ?? what;
  }
}

const live = new Live(document.querySelector("[data-live]"));
const reading = new Reading(live);
live.listen((mark) => reading.changed(mark), () => reading.look());
