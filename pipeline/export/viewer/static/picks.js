// Up to two picked points, their distance, and what is said about them.

// The distance of two pixel points with its interval and its words, or null where depth carries none.
function measuredBetween(words, first, second) {
  const isMeasurable = !first.frame.relief && !second.frame.relief;
  const isOneSpace = first.frame === second.frame || (first.frame.shared && second.frame.shared);
  if (!isMeasurable || !isOneSpace) return null;
  const isMetric = first.frame.kind === "metric" && second.frame.kind === "metric";
  const distance = distanceOf(first, second);
  return { ...distance, unit: isMetric ? "m" : null, text: distanceText(words, distance, isMetric) };
}

class Picks {
  constructor(words, onChange) {
    this.words = words;
    this.onChange = onChange;
    this.points = [];
    this.said = element("span", "tv-picked", words.hint);
    this.said.setAttribute("aria-live", "polite");
    this.clearing = button(words.clear, () => this.clear());
    this.clearing.hidden = true;
  }

  // Takes one more point, the first of a new pair after two; returns the distance of a pair or null.
  add(found) {
    if (this.points.length === 2) this.points = [];
    this.points.push(found);
    const [first, second] = this.points;
    this.distance = second ? measuredBetween(this.words, first.point, second.point) : null;
    this.clearing.hidden = false;
    this.said.textContent = this.sentence(first, second);
    return this.distance;
  }

  sentence(first, second) {
    const words = this.words;
    if (!second) {
      const where = filled(words.pixel, { frame: first.frame + 1, u: first.u, v: first.v });
      return where + ". " + (first.point.frame.relief ? words.no_metres : words.pick_second);
    }
    if (this.distance) return filled(words.distance, { distance: this.distance.text });
    if (first.frame !== second.frame) return words.two_spaces;
    const nearer = filled(words.nearer, { which: first.z < second.z ? words.first : words.second });
    return words.no_metres + " " + (first.z === second.z ? words.same_depth : nearer);
  }

  clear() {
    this.points = [];
    this.distance = null;
    this.clearing.hidden = true;
    this.said.textContent = this.words.hint;
    this.onChange();
  }

  draw(pen, unit, theme, wanted) {
    const ends = this.points.map((point) => point.position.map((number) => number / unit));
    if (ends.length === 2 && this.distance) {
      pen.stroke([ends], theme.accent, theme.halo, 2.5, false);
      const at = ends[0].map((number, axis) => (number + ends[1][axis]) / 2);
      wanted.unshift({ key: "picks", text: this.distance.text, name: "line", at, item: {} });
    }
    pen.dots(ends, theme.accent, theme.halo, 4.5);
  }
}
