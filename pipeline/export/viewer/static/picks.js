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
  constructor(words, isOrder, onChange) {
    this.words = words;
    this.hint = isOrder ? words.hint_order : words.hint;
    this.onChange = onChange;
    this.points = [];
    this.said = element("span", "tv-picked", this.hint);
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
    this.say(this.sentence(first, second));
    return this.distance;
  }

  // Two lines hold what is said, so that the picture stays where it is; the rest is in the tooltip.
  say(text) {
    this.said.textContent = text;
    this.said.title = text;
  }

  sentence(first, second) {
    const words = this.words;
    if (!second) {
      const where = filled(words.pixel, { frame: first.frame + 1, u: first.u, v: first.v });
      return where + ". " + (first.point.frame.relief ? words.pick_order : words.pick_second);
    }
    if (this.distance) return filled(words.distance, { distance: this.distance.text });
    if (first.frame !== second.frame) return words.two_spaces;
    const nearer = filled(words.nearer, { which: first.z < second.z ? words.first : words.second });
    return (first.z === second.z ? words.same_depth : nearer) + " " + words.no_metres;
  }

  clear() {
    this.points = [];
    this.distance = null;
    this.clearing.hidden = true;
    this.say(this.hint);
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
