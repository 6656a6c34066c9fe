// Shows one document on a grid of bytes. Text of documents is only ever set as textContent.
const { documents, heat_steps } = JSON.parse(document.getElementById("documents-data").textContent);
const { colours } = JSON.parse(document.getElementById("pictures-data").textContent);
const [grid, chooser, previous, next, readout] =
  ["bytes", "document", "previous", "next", "readout"].map((id) => document.getElementById(id));
let shown = 0;
let rows = []; // of each entry, its tokens; of a token, the first of its elements
let columns = 0;

// ---- what is shown

const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const span = ({ start, end }) => (end - start === 1 ? `byte ${start}` : `bytes ${start} to ${end - 1}`);

function charactersOf({ characters }) {
  let end = 0;
  return characters.map(([label, size]) => ({ label, start: end, end: (end += size) }));
}

/** Tokens with what they cover; the stop is the last and takes the column behind the last byte. */
function tokensOf(row, characters, size) {
  const at = new Array(size);
  for (const character of characters) at.fill(character, character.start, character.end);
  let end = 0;
  const tokens = row.sizes.map((bytes, index) => {
    const token = { start: end, end: (end += bytes), bits: row.token_bits[index] };
    return { ...token, heat: heat(token.bits / bytes), says: says(row.entry, token, at) };
  });
  if (row.stop === null) return tokens;
  const stop = { start: size, end: size + 1, bits: row.stop, heat: heat(row.stop) };
  return [...tokens, { ...stop, says: `${row.entry}: stop, ${row.stop.toFixed(2)} bits` }];
}

function says(entry, token, at) {
  const covered = [...new Set(at.slice(token.start, token.end))];
  const isPart = covered[0].start < token.start || covered.at(-1).end > token.end;
  const text = covered.map(({ label }) => label).join("");
  const each = (token.bits / (token.end - token.start)).toFixed(2);
  return `${entry}: ${isPart ? "part of " : ""}“${text}”, ${span(token)}, ${token.bits.toFixed(2)} bits, ${each} a byte`;
}

function heat(bitsPerByte) {
  const step = heat_steps.findIndex((most) => bitsPerByte <= most);
  return step < 0 ? heat_steps.length : step;
}

function brief(bits) {
  return bits < 9.95 ? bits.toFixed(1) : bits.toFixed(0);
}

// ---- the grid

function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Draws the document in bands of so many bytes as fit side by side. */
function draw() {
  const current = documents[shown];
  const characters = charactersOf(current);
  const size = characters.length ? characters.at(-1).end : 0;
  const isWhole = size === current.bytes;
  const total = size + (isWhole ? 1 : 0);
  if (isWhole) characters.push({ label: "■", start: size, end: total });
  rows = current.rows.map((row) => ({ ...row, tokens: tokensOf(row, characters, size) }));
  columns = fitting();
  grid.style.setProperty("--columns", columns);
  const table = element("div", { role: "grid", ariaLabel: "The document, byte by byte" });
  for (let from = 0; from < total; from += columns) {
    table.append(band(characters, rows, { from, to: Math.min(total, from + columns), size }));
  }
  grid.replaceChildren(table);
  table.querySelector("[tabindex]")?.setAttribute("tabindex", "0");
}

function fitting() {
  const probe = element("div", { className: "cells" }, [element("span")]);
  probe.style.setProperty("--columns", 1);
  grid.append(probe);
  const cell = parseFloat(getComputedStyle(probe).gridTemplateColumns);
  const label = getComputedStyle(grid).getPropertyValue("--label");
  probe.remove();
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return Math.max(4, Math.floor((grid.clientWidth - parseFloat(label) * rem) / cell));
}

function band(characters, rows, place) {
  const last = Math.min(place.to, place.size) - 1;
  const title = place.size === 0 ? "no bytes" : last < place.from ? "stop" : span({ start: place.from, end: last + 1 });
  const head = element("span", { role: "rowheader", className: "soft", textContent: title });
  const top = line(head, pieces(characters, place, characterCell));
  const lines = rows.map((row) => line(rowHead(row, place.from === 0), pieces(row.tokens, place, tokenCell)));
  return element("div", { role: "rowgroup", className: "band" }, [top, ...lines]);
}

function line(head, cells) {
  const box = element("div", { role: "presentation", className: "cells" }, cells);
  return element("div", { role: "row", className: "row" }, [head, box]);
}

function rowHead({ entry, bits }, isFirst) {
  const key = element("span", { className: "key" });
  key.style.setProperty("--mark", colours[entry]);
  const total = isFirst ? [element("small", { textContent: `${bits.toFixed(1)} bits` })] : [];
  return element("span", { role: "rowheader" }, [key, element("span", { textContent: entry }), ...total]);
}

/** What of the items lies in a band; one that a band's end cuts has a piece in each. */
function pieces(items, { from, to }, cellOf) {
  return items.filter(({ start, end }) => start < to && end > from).map((item) => {
    const cell = cellOf(item, item.start >= from);
    cell.style.gridColumn = `${Math.max(item.start, from) - from + 1} / ${Math.min(item.end, to) - from + 1}`;
    cell.classList.toggle("starts", item.end > to);
    cell.classList.toggle("continues", item.start < from);
    return cell;
  });
}

function characterCell({ label }, isStart) {
  const made = element("span", { role: "gridcell", className: "character", textContent: isStart ? label : "" });
  if (/^[0-9A-F]{2,}$/.test(label)) made.classList.add("code");
  else if (/^[␣⏎␍⇥■]$/.test(label)) made.classList.add("sign");
  return made;
}

function tokenCell(token, isStart) {
  const made = element("span", { className: `heat-${token.heat}`, title: token.says });
  if (!isStart) return Object.assign(made, { role: "presentation", ariaHidden: "true" });
  token.cell = made;
  made.textContent = brief(token.bits);
  return Object.assign(made, { role: "gridcell", ariaLabel: token.says, tabIndex: -1 });
}

// ---- going through it

function show(index, { linked = true } = {}) {
  shown = Math.max(0, Math.min(documents.length - 1, index));
  const { why, bytes, text, characters } = documents[shown];
  const size = characters.reduce((sum, [, length]) => sum + length, 0);
  const cut = size < bytes ? `; the first ${plural(size, "byte")} are shown` : "";
  chooser.selectedIndex = shown;
  previous.disabled = shown === 0;
  next.disabled = shown === documents.length - 1;
  document.getElementById("document-facts").textContent =
    `Document ${shown + 1} of ${documents.length}, ${why}, ${plural(bytes, "byte")}${cut}.`;
  document.getElementById("document-text").textContent = size < bytes ? `${text} …` : text;
  draw();
  if (linked) history.replaceState(null, "", `#document=${shown + 1}`);
}

function fromHash() {
  const found = /^#document=(\d+)$/.exec(location.hash);
  if (found) show(Number(found[1]) - 1);
  return Boolean(found);
}

function fillChooser() {
  const groups = new Map();
  documents.forEach(({ why, text }, index) => {
    if (!groups.has(why)) groups.set(why, element("optgroup", { label: why }));
    const start = text.length > 70 ? `${[...text].slice(0, 70).join("")}…` : text;
    groups.get(why).append(new Option(`${index + 1}  ${start.replace(/\s+/g, " ") || "(empty)"}`));
  });
  chooser.append(...groups.values());
}

function allTokens() {
  return rows.flatMap(({ tokens }, row) => tokens.map((token, index) => ({ token, row, index })));
}

/** The token that an arrow key leads to, from one of a row. */
function neighbour(key, { token, row, index }) {
  const within = rows[row].tokens;
  const covering = (other) => rows[other]?.tokens.find(({ end }) => end > token.start);
  const steps = {
    ArrowLeft: () => within[index - 1],
    ArrowRight: () => within[index + 1],
    ArrowUp: () => covering(row - 1),
    ArrowDown: () => covering(row + 1),
    Home: () => within[0],
    End: () => within.at(-1),
  };
  return steps[key]?.();
}

function focus({ cell }) {
  grid.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
  cell.tabIndex = 0;
  cell.focus();
}

grid.addEventListener("keydown", (event) => {
  const current = allTokens().find(({ token }) => token.cell === event.target);
  const target = current && neighbour(event.key, current);
  if (!target) return;
  event.preventDefault();
  focus(target);
});
grid.addEventListener("focusin", ({ target }) => (readout.textContent = target.ariaLabel));
grid.addEventListener("pointerover", ({ target }) => {
  if (target.title) readout.textContent = target.title;
});
chooser.addEventListener("change", () => show(chooser.selectedIndex));
previous.addEventListener("click", () => show(shown - 1));
next.addEventListener("click", () => show(shown + 1));
document.querySelector(".toolbar").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  show(shown + step);
});
window.addEventListener("hashchange", fromHash);
new ResizeObserver(() => fitting() !== columns && draw()).observe(grid);

fillChooser();
if (fromHash()) document.getElementById("byte-view").scrollIntoView();
else show(0, { linked: false });
