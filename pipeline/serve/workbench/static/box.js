// A box drawn by hand: dragged over the picture, moved and sized by its handles, with mouse, touch and keyboard.

// Sides [px of the screen] below which a drag is a slip.
const LEAST_DRAG_PX = 4;
// Each handle moves these edges: left, top, right, bottom.
const HANDLES = [
  ["nw", ["left", "top"]], ["n", ["top"]], ["ne", ["right", "top"]], ["e", ["right"]],
  ["se", ["right", "bottom"]], ["s", ["bottom"]], ["sw", ["left", "bottom"]], ["w", ["left"]],
];
const EDGES = ["left", "top", "right", "bottom"];

class BoxTool {
  // done: called with the edges of the box [px of the frame], or null where it is cancelled.
  constructor(words, picture, name, edges, done) {
    this.words = words;
    this.name = name;
    this.done = done;
    this.edges = null;
    const actions = {
      hint: words.box_hint,
      use: words.use_box,
      isReady: () => this.edges !== null,
      confirm: () => this.end(this.edges && this.edges.map(rounded)),
      cancel: () => this.end(null),
      draw: (place, event) => this.drag(place, event),
      key: () => this.propose(),
    };
    this.drawing = new DrawingLayer(words, picture, actions);
    this.frame = this.drawing.frame;
    this.build();
    if (edges) this.set(edges, true);
  }

  build() {
    this.element = make("div", "tw-box");
    this.element.hidden = true;
    const { drawing } = this;
    this.body = drawing.handle("tw-body", "", () => {
      const before = this.edges;
      return (x, y) => this.move(before, x, y);
    });
    this.element.appendChild(this.body);
    if (this.name) this.element.appendChild(make("span", "tw-tag", this.name));
    for (const [place, edges] of HANDLES) {
      const name = edges.map((edge) => this.words[edge]).join(", ");
      const made = drawing.handle("tw-handle tw-" + place, name, () => {
        const before = this.edges;
        return (x, y) => this.size(before, edges, x, y);
      });
      this.element.appendChild(made);
    }
    drawing.layer.appendChild(this.element);
  }

  drag(first, event) {
    const before = this.edges;
    const { layer } = this.drawing;
    const { width } = layer.getBoundingClientRect();
    const least = (LEAST_DRAG_PX * this.frame.width) / width;
    let edges = null;
    const move = ([x, y]) => {
      edges = [Math.min(first[0], x), Math.min(first[1], y), Math.max(first[0], x), Math.max(first[1], y)];
      this.set(edges, false);
    };
    follow(event, layer, layer, this.frame, move, (isLifted) => {
      const isBox = edges && edges[2] - edges[0] >= least && edges[3] - edges[1] >= least;
      this.set(isLifted && isBox ? edges : before, true);
    });
  }

  // A box in the middle, for keys.
  propose() {
    const { width, height } = this.frame;
    this.set([width / 4, height / 4, (3 * width) / 4, (3 * height) / 4].map(Math.round), true);
    this.body.focus({ preventScroll: true });
  }

  move([left, top, right, bottom], x, y) {
    const dx = clamp(x, -left, this.frame.width - right);
    const dy = clamp(y, -top, this.frame.height - bottom);
    this.set([left + dx, top + dy, right + dx, bottom + dy], true);
  }

  // Moves some edges; an edge that passes the opposite one stops a pixel before it.
  size(before, edges, x, y) {
    const [left, top, right, bottom] = before;
    const { width, height } = this.frame;
    const next = {
      left: clamp(left + x, 0, right - STEP_PX),
      top: clamp(top + y, 0, bottom - STEP_PX),
      right: clamp(right + x, left + STEP_PX, width),
      bottom: clamp(bottom + y, top + STEP_PX, height),
    };
    this.set(EDGES.map((edge, k) => (edges.includes(edge) ? next[edge] : before[k])), true);
  }

  set(edges, isSettled) {
    this.edges = edges;
    this.element.hidden = !edges;
    if (edges) {
      const [left, top, right, bottom] = edges;
      this.drawing.place(this.element, left, top);
      this.element.style.width = (100 * (right - left)) / this.frame.width + "%";
      this.element.style.height = (100 * (bottom - top)) / this.frame.height + "%";
      const place = fill(this.words.box_place, Object.fromEntries(EDGES.map((edge, k) => [edge, Math.round(edges[k])])));
      this.body.setAttribute("aria-label", (this.name ? fill(this.words.box_named, { name: this.name }) : this.words.box) + ": " + place);
    }
    if (isSettled) this.drawing.say(edges ? this.words.adjust_hint : this.words.box_hint);
    this.drawing.update();
  }

  end(edges) {
    const hadFocus = this.drawing.remove();
    this.done(edges, hadFocus);
  }
}
