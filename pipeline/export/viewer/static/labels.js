// Names of boxes and numbers of lines as HTML over the picture, beside what they name and apart from each other.
//
// The pointer passes through them to the canvas, so that a drag may begin on one; ``at`` finds the one that was clicked.

const LABEL_GAP_PX = 3;
const LABEL_TRIES = 3;
const MOST_LABELS = 60;
// What a label pays for each place after the first one, and gains where it stands already; covering its own size of
// boxes costs 1.
const COST_OF_RANK = 0.06;
const GAIN_OF_PLACE = 0.25;

function covered(one, other) {
  const wide = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const tall = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  return wide > 0 && tall > 0 ? wide * tall : 0;
}

class Labels {
  constructor(layer, onClick) {
    this.layer = layer;
    this.onClick = onClick;
    this.made = new Map();
    this.places = new Map();
    this.placed = [];
  }

  // The element of a label, made on first use.
  element(key, text, name, item) {
    let element = this.made.get(key);
    if (!element) {
      element = document.createElement("button");
      element.type = "button";
      element.tabIndex = -1;
      // For screen readers, which click elements without a pointer.
      element.addEventListener("click", () => this.onClick(item));
      this.layer.appendChild(element);
      this.made.set(key, element);
    }
    if (element.textContent !== text) element.textContent = text;
    element.className = "tv-label tv-label-" + name;
    return element;
  }

  clear() {
    this.layer.textContent = "";
    this.made.clear();
    this.places.clear();
    this.placed = [];
  }

  // The item of the label at a pixel [CSS px] that stands for a region or a claim, or null.
  at(x, y) {
    const found = this.placed.find(({ box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
    const item = found && found.item;
    return item && (item.region !== undefined || item.claim !== undefined) ? item : null;
  }

  // Places labels, the first ones first; those that find no free place are hidden. Taken are boxes of other things.
  place(wanted, view, taken) {
    const [width, height] = view.size;
    const chosen = wanted.slice(0, MOST_LABELS).map((label) => ({ label, bounds: boundsOf(label, view) }));
    const seen = chosen.filter(({ bounds }) => {
      const [x, y] = bounds ? [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2] : [-1, -1];
      return x >= 0 && y >= 0 && x <= width && y <= height;
    });
    const boxes = seen.filter(({ label }) => label.name === "region").map(({ bounds }) => bounds);
    const used = new Set();
    this.placed = [];
    for (const { label, bounds } of seen) {
      const element = this.element(label.key, label.text, label.name, label.item);
      if (label.colour) element.style.borderColor = css(label.colour, 1);
      element.hidden = false;
      const size = [element.offsetWidth, element.offsetHeight];
      const others = [...taken, ...this.placed.map((one) => one.box)];
      const best = bestPlace(placesAround(bounds, size), others, boxes, [width, height], this.places.get(label.key));
      if (!best) continue;
      this.places.set(label.key, best.rank);
      this.placed.push({ box: best.box, item: label.item });
      element.style.transform = "translate(" + best.box[0].toFixed(1) + "px," + best.box[1].toFixed(1) + "px)";
      used.add(label.key);
    }
    for (const [key, element] of this.made) if (!used.has(key)) element.hidden = true;
  }
}

// Left, top, right and bottom [CSS px] of what a label names; null where part of it is behind the camera.
function boundsOf(label, view) {
  const points = label.name === "region" ? label.item.segments.flat() : [label.at];
  const places = points.map((point) => view.project(point));
  if (places.some((place) => place.depth < view.camera.near)) return null;
  const [x, y] = [places.map((place) => place.x), places.map((place) => place.y)];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

// Corners where a label of a size may stand: above and below what it names, then beside it, then farther away.
function placesAround([left, top, right, bottom], [wide, tall]) {
  const middle = (left + right - wide) / 2;
  const places = [];
  for (let step = 0; step < LABEL_TRIES; step++) {
    const [above, below] = [top - tall - LABEL_GAP_PX - step * (tall + 1), bottom + LABEL_GAP_PX + step * (tall + 1)];
    for (const x of [middle, left, right - wide]) places.push([x, above], [x, below]);
    const level = (top + bottom - tall) / 2 + (step === 2 ? -1 : step) * (tall + 1);
    places.push([left - wide - LABEL_GAP_PX, level], [right + LABEL_GAP_PX, level]);
  }
  return places.map(([x, y]) => [x, y, x + wide, y + tall]);
}

// The free place that covers least of the boxes, as { box, rank }, or null.
function bestPlace(places, others, boxes, [width, height], rankBefore) {
  let best = null;
  places.forEach(([left, top, right, bottom], rank) => {
    // A place that reaches over an edge moves in, but not onto what it names.
    const [wide, tall] = [right - left, bottom - top];
    const x = Math.min(Math.max(left, 0), Math.max(width - wide, 0));
    if (top < 0 || bottom > height || Math.abs(x - left) > wide) return;
    const box = [x, top, x + wide, top + tall];
    if (others.some((other) => covered(box, other) > 0)) return;
    const hidden = boxes.reduce((sum, other) => sum + covered(box, other), 0) / (wide * tall);
    const cost = hidden + COST_OF_RANK * rank - (rank === rankBefore ? GAIN_OF_PLACE : 0);
    if (!best || cost < best.cost) best = { box, rank, cost };
  });
  return best;
}

// The labels of the items, the most important first.
function wantedLabels(items, shown, selection) {
  const wanted = [];
  const named = new Set();
  items.forEach((item, key) => {
    if (!item.label || !item.at) return;
    const isChosen = selection && selection.claim === item.claim;
    if (item.kind === "line" && (isChosen || (!selection && item.always)))
      wanted.push({ key, text: item.label, name: "line", at: item.at, item, rank: 0 });
    // The same thing in several frames is named once.
    const isNamed = item.kind === "box" && shown.labels && (!selection || selection.regions.has(item.region));
    if (isNamed && !named.has(item.label) && named.add(item.label))
      wanted.push({ key, text: item.label, name: "region", at: item.at, item, rank: 1, colour: item.colour });
  });
  return wanted.sort((one, other) => one.rank - other.rank);
}
