// Two points at the ends of a known length, set by clicks and moved with mouse, touch and keyboard.

class PointsTool {
  // done: called with two places on the plane of the image [px of the frame], or null where it is cancelled.
  constructor(words, picture, done) {
    this.words = words;
    this.done = done;
    this.places = [];
    this.handles = [];
    const actions = {
      hint: words.points_hint,
      use: words.use_points,
      isReady: () => this.places.length === 2,
      confirm: () => this.end(this.places.length === 2 ? this.places : null),
      cancel: () => this.end(null),
      draw: (place) => this.add(place),
      key: () => this.propose(),
    };
    this.drawing = new DrawingLayer(words, picture, actions);
    this.frame = this.drawing.frame;
    const svg = shape("svg", { class: "tw-line", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.lines = ["tw-halo", "tw-core"].map((name) => svg.appendChild(shape("line", { class: name })));
    this.drawing.layer.appendChild(svg);
    this.draw();
  }

  // One more point; a third one begins again.
  add(place) {
    if (this.places.length === 2) this.clear();
    const index = this.places.length;
    this.places.push(place);
    const made = this.drawing.handle("tw-point", "", () => {
      const [x, y] = this.places[index];
      return (dx, dy) => {
        this.places[index] = [clamp(x + dx, 0, this.frame.width), clamp(y + dy, 0, this.frame.height)];
        this.draw();
      };
    });
    this.handles.push(made);
    this.drawing.layer.appendChild(made);
    this.draw();
  }

  clear() {
    for (const handle of this.handles) handle.remove();
    this.places = [];
    this.handles = [];
  }

  propose() {
    const { width, height } = this.frame;
    this.clear();
    this.add([Math.round(width / 3) + 0.5, Math.round(height / 2) + 0.5]);
    this.add([Math.round((2 * width) / 3) + 0.5, Math.round(height / 2) + 0.5]);
    this.handles[0].focus({ preventScroll: true });
  }

  draw() {
    this.places.forEach(([x, y], index) => {
      this.drawing.place(this.handles[index], x, y);
      const [u, v] = pixelOf([x, y]).map(Math.round);
      this.handles[index].setAttribute("aria-label", fill(this.words.point_place, { number: index + 1, u: u, v: v }));
    });
    const isLine = this.places.length === 2;
    for (const line of this.lines) {
      line.style.display = isLine ? "" : "none";
      if (!isLine) continue;
      this.places.forEach(([x, y], k) => {
        line.setAttribute("x" + (k + 1), String((100 * x) / this.frame.width));
        line.setAttribute("y" + (k + 1), String((100 * y) / this.frame.height));
      });
    }
    this.drawing.say(isLine ? this.words.move_points_hint : this.words.points_hint);
    this.drawing.update();
  }

  end(places) {
    const hadFocus = this.drawing.remove();
    this.done(places && places.map((place) => pixelOf(place).map(rounded)), hadFocus);
  }
}

// The pixel at a place on the plane of the image; pixel (0, 0) is the centre of the top-left one.
function pixelOf([x, y]) {
  return [x - 0.5, y - 0.5];
}
