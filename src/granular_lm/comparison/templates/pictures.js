// Draws the pictures. Plotly gets data; colours of text and grid come from the style sheet.
const { pictures, paired, colours } = JSON.parse(document.getElementById("pictures-data").textContent);
const config = { displayModeBar: false, responsive: true };
const percent = new Intl.NumberFormat("en", { style: "percent" });
const ink = "#7a828c";

for (const [name, { data, layout }] of Object.entries(pictures)) Plotly.newPlot(name, data, layout, config);

if (paired) {
  const titled = (axis, text) => ({ ...axis, title: { ...axis.title, text } });
  const chooser = document.getElementById("pair");
  for (const { a, b } of paired.pairs) chooser.add(new Option(`${a} and ${b}`));
  chooser.addEventListener("change", () => show(paired.pairs[chooser.selectedIndex]));
  show(paired.pairs[0]);

  function show(pair) {
    document.getElementById("paired-summary").textContent =
      `${pair.a} is cheaper on ${percent.format(pair.a_is_cheaper)} of the test documents, ` +
      `${pair.b} on ${percent.format(pair.b_is_cheaper)}.`;
    drawScatter(pair);
    drawHistogram(pair);
  }

  function drawScatter({ a, b }) {
    const [x, y] = [paired.bits[a], paired.bits[b]];
    const ends = paired.axis.range.map((exponent) => 10 ** exponent);
    Plotly.react("paired-scatter", [
      { type: "scatter", mode: "lines", x: ends, y: ends, line: { color: ink, width: 1, dash: "dot" }, hoverinfo: "skip" },
      {
        type: "scatter", mode: "markers", x, y, customdata: paired.bytes,
        marker: { color: x.map((bits, index) => colours[bits < y[index] ? a : b]), size: 4, opacity: 0.5 },
        hovertemplate: `${a}: %{x} bits<br>${b}: %{y} bits<br>%{customdata} bytes<extra></extra>`,
      },
    ], {
      ...paired.layout, xaxis: titled(paired.axis, `bits of a document, ${a}`), yaxis: titled(paired.axis, `bits, ${b}`),
    }, config);
  }

  function drawHistogram({ a, b, places, counts }) {
    const { xaxis, yaxis } = paired.layout;
    Plotly.react("paired-histogram", [{
      type: "bar", x: places, y: counts, marker: { color: places.map((place) => colours[place < 0 ? a : b]) },
      hovertemplate: "%{y} documents at %{x:.1f} bits<extra></extra>",
    }], {
      ...paired.layout, bargap: 0.08,
      xaxis: titled(xaxis, `bits of ${a}<br>less those of ${b}`), yaxis: titled(yaxis, "documents"),
    }, config);
  }
}
