// Plotly writes style attributes as text, which the policy refuses; the same text through the style's own
// interface is allowed. Import this before Plotly runs.
for (const [method, place] of [["setAttribute", 0], ["setAttributeNS", 1]]) {
  const native = Element.prototype[method];
  Element.prototype[method] = function (...given) {
    if (given[place] === "style" && this.style) this.style.cssText = given[place + 1];
    else native.apply(this, given);
  };
}
