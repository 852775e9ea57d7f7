// Names of boxes and numbers of lines as HTML over the picture, moved so that they do not cover each other.

const LABEL_GAP_PX = 3;
const LABEL_TRIES = 3;
const MOST_LABELS = 60;

class Labels {
  constructor(layer, onClick) {
    this.layer = layer;
    this.onClick = onClick;
    this.made = new Map();
  }

  // The element of a label, made on first use.
  element(key, text, name, item) {
    let element = this.made.get(key);
    if (!element) {
      element = document.createElement("button");
      element.type = "button";
      element.tabIndex = -1;
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
  }

  // Places labels, the first ones first; those that find no free place are hidden.
  place(wanted, view) {
    const taken = [];
    const used = new Set();
    for (const label of wanted.slice(0, MOST_LABELS)) {
      const at = view.project(label.at);
      const [width, height] = view.size;
      if (at.depth < view.camera.near || at.x < 0 || at.y < 0 || at.x > width || at.y > height) continue;
      const element = this.element(label.key, label.text, label.name, label.item);
      if (label.colour) element.style.borderColor = css(label.colour, 1);
      element.hidden = false;
      const [wide, tall] = [element.offsetWidth, element.offsetHeight];
      const left = Math.min(Math.max(at.x - wide / 2, 0), Math.max(width - wide, 0));
      const free = this.freeTop(taken, left, at.y - tall - LABEL_GAP_PX, wide, tall, height);
      if (free === null) continue;
      taken.push([left, free, left + wide, free + tall]);
      element.style.transform = "translate(" + left.toFixed(1) + "px," + free.toFixed(1) + "px)";
      used.add(label.key);
    }
    for (const [key, element] of this.made) if (!used.has(key)) element.hidden = true;
  }

  freeTop(taken, left, top, wide, tall, height) {
    const isFree = (y) =>
      y >= 0 && y + tall <= height &&
      taken.every((box) => left >= box[2] || left + wide <= box[0] || y >= box[3] || y + tall <= box[1]);
    for (let step = 0; step < LABEL_TRIES; step++) {
      for (const y of [top - step * (tall + 1), top + step * (tall + 1)]) if (isFree(y)) return y;
    }
    return null;
  }
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
