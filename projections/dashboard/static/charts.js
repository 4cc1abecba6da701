// Charts: what a card's JSON says, drawn by Plotly in the page's own colours.
import "./policy.js";

const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };
const FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif';
let loading = null;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const toneOf = (tone) => colour(tone.startsWith("part") ? `--${tone}` : `--chart-${tone}`);

function load(address) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("the chart's script could not be loaded"));
    document.head.append(script);
  });
  return loading;
}

function axis(told) {
  const base = { gridcolor: colour("--chart-grid"), zeroline: false, fixedrange: true, automargin: true, ticklabelstandoff: 6 };
  if (told.kind === "rate") return { ...base, tickformat: ".0%", rangemode: "tozero" };
  if (told.kind === "money") return { ...base, tickprefix: told.prefix, tickformat: "~s", rangemode: "tozero" };
  return { ...base, tickformat: "~s", rangemode: "tozero" };
}

function trace(series, drawing) {
  const tone = toneOf(series.tone);
  const hovertemplate = "%{customdata}<extra>%{fullData.name}</extra>";
  const common = { name: series.title, customdata: series.text, hovertemplate };
  if (drawing.kind === "ranking") {
    return { ...common, type: "bar", orientation: "h", x: series.y, y: drawing.x, marker: { color: tone, cornerradius: 3 }, text: series.text, textposition: "auto", cliponaxis: false };
  }
  if (series.look === "line") {
    const mode = drawing.x.length < 2 ? "markers" : "lines+markers";
    return { ...common, type: "scatter", mode, x: drawing.x, y: series.y, line: { color: tone, width: 2.25 }, marker: { color: tone, size: drawing.x.length > 40 ? 1 : 5 } };
  }
  return { ...common, type: "bar", x: drawing.x, y: series.y, marker: { color: tone, cornerradius: 3 } };
}

// Plotly takes texts for HTML of a kind; ours are names that somebody chose.
function literal(drawing) {
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const series = drawing.series.map((each) => ({ ...each, title: plain(each.title), text: each.text.map(plain) }));
  return { ...drawing, x: drawing.x.map(plain), series };
}

// As many names of periods as fit, the last one always.
function ticks(names, width) {
  const step = Math.ceil(names.length / Math.max(2, Math.floor(width / 78)));
  return names.filter((_, place) => (names.length - 1 - place) % step === 0);
}

function layout(drawing, width) {
  const text = { family: FONT, size: 12, color: colour("--soft") };
  const category = { type: "category", fixedrange: true, automargin: true, showgrid: false, linecolor: colour("--line"), tickangle: 0 };
  const ranking = drawing.kind === "ranking";
  return {
    font: text,
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    margin: { l: 8, r: 12, t: 8, b: 8 },
    barmode: drawing.stacked ? "relative" : "group",
    bargap: ranking ? 0.35 : 0.3,
    dragmode: false,
    hovermode: ranking ? "closest" : "x unified",
    hoverlabel: { bgcolor: colour("--surface"), bordercolor: colour("--line"), font: { ...text, color: colour("--ink") }, align: "left" },
    showlegend: drawing.series.length > 1,
    legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: text },
    xaxis: ranking ? { ...axis(drawing.axis), showticklabels: false, showgrid: false } : { ...category, tickmode: "array", tickvals: ticks(drawing.x, width) },
    yaxis: ranking ? { ...category, autorange: "reversed", linecolor: "transparent", ticklabelstandoff: 8 } : axis(drawing.axis),
  };
}

async function draw(place, address) {
  const Plotly = await load(address);
  if (!place.isConnected) return; // what is new took its place while it waited for its turn
  const drawing = literal(JSON.parse(place.nextElementSibling.textContent));
  await Plotly.react(place, drawing.series.map((series) => trace(series, drawing)), layout(drawing, place.clientWidth), CONFIG);
}

// Draws the charts below `root` as they come near the window, one after the other.
export function charts(root, address) {
  let turn = Promise.resolve();
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      near.unobserve(entry.target);
      turn = turn.then(() => draw(entry.target, address)).catch((error) => console.error(error)); // and goes on
    }
  }, { rootMargin: "400px" });
  root.querySelectorAll(".chart").forEach((place) => near.observe(place));
}

// Draws again what is drawn, in the colours of the theme that was chosen just now.
export function recolour(address) {
  document.querySelectorAll(".chart.js-plotly-plot").forEach((place) => draw(place, address));
}
