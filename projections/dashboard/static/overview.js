// The overview: charts once it is painted, then whatever is new.
import { charts, recolour } from "./charts.js";
import { Live } from "./live.js";
import { asked, Refresh } from "./refresh.js";

const plotly = document.querySelector("script[data-plotly]").dataset.plotly;

function replaced(part) {
  charts(part, plotly);
  part.classList.remove("fresh");
  requestAnimationFrame(() => part.classList.add("fresh"));
}

// An empty field is no part of an address; dates of one's own take the place of a named range.
document.querySelector(".options form").addEventListener("submit", (event) => {
  const fields = [...event.target.elements].filter((field) => field.name);
  const dated = fields.some((field) => ["from", "to"].includes(field.name) && field.value);
  fields.forEach((field) => {
    field.disabled = !field.value || (dated && field.name === "range");
  });
});

// A page that had nothing to show begins anew when there is something: with its currency, and live or test.
async function begun() {
  if (!document.querySelector("[data-empty]")) return;
  const told = await asked(location.href).catch(() => null);
  if (told?.querySelector(".lead") && !told.querySelector("[data-empty]")) location.reload();
}

requestAnimationFrame(() =>
  setTimeout(() => {
    const live = new Live(document.querySelector("[data-live]"));
    const refresh = new Refresh(live, replaced);
    charts(document, plotly);
    document.addEventListener("themechange", () => recolour(plotly));
    refresh.run();
    refresh.look();
    refresh.beat();
    live.listen((place) => begun().then(() => refresh.changed(place)), () => refresh.look());
  })
);
