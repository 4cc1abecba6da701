// The overview: charts once it is painted, then whatever is new.
import { charts, recolour } from "./charts.js";
import { listen, Refresh } from "./refresh.js";

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

requestAnimationFrame(() =>
  setTimeout(() => {
    const refresh = new Refresh(replaced);
    charts(document, plotly);
    document.addEventListener("themechange", () => recolour(plotly));
    refresh.run();
    refresh.beat();
    listen(document.querySelector("[data-live]"), (place) => refresh.changed(place));
  })
);
