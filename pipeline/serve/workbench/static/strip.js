// Tabs: of frames with their thumbnails, and of views. One tab is chosen; arrow keys move along them.

class Tabs {
  constructor(className, name, onChoose) {
    this.element = make("div", className);
    this.element.setAttribute("role", "tablist");
    this.element.setAttribute("aria-label", name);
    this.onChoose = onChoose;
    this.tabs = [];
    this.element.addEventListener("keydown", (event) => this.pressed(event));
  }

  clear() {
    this.element.replaceChildren();
    this.tabs = [];
  }

  // A tab for a panel; ``value`` is what choosing it means.
  add(value, content, name, panel) {
    const made = makeButton("tw-tab", undefined, () => this.onChoose(value));
    made.setAttribute("role", "tab");
    made.setAttribute("aria-controls", panel.id);
    if (name) rename(made, name);
    made.append(...content);
    this.tabs.push({ value, element: made });
    this.element.appendChild(made);
    return made;
  }

  mark(value) {
    for (const tab of this.tabs) {
      const isChosen = tab.value === value;
      tab.element.setAttribute("aria-selected", String(isChosen));
      tab.element.tabIndex = isChosen ? 0 : -1;
      if (isChosen) this.reveal(tab.element);
    }
  }

  // Scrolls the tabs alone, never the page.
  reveal(element) {
    const { left, right } = this.element.getBoundingClientRect();
    const own = element.getBoundingClientRect();
    if (own.left < left) this.element.scrollLeft += own.left - left;
    else if (own.right > right) this.element.scrollLeft += own.right - right;
  }

  pressed(event) {
    const at = this.tabs.findIndex((tab) => tab.element === event.target);
    const last = this.tabs.length - 1;
    const next = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    const tab = this.tabs[(next + this.tabs.length) % this.tabs.length];
    this.onChoose(tab.value);
    tab.element.focus();
  }
}

function fillStrip(strip, data, words, panel) {
  strip.clear();
  strip.element.hidden = data.frames.length < 2;
  if (strip.element.hidden) return;
  data.frames.forEach((frame) => {
    const image = make("img");
    Object.assign(image, { src: frame.photo, alt: "", loading: "lazy", decoding: "async" });
    const name = fill(words.frame, { number: frame.index + 1 }) + (frame.name ? ": " + frame.name : "");
    strip.add(frame.index, [image, make("span", "", String(frame.index + 1))], name, panel);
  });
  if (data.more_frames) strip.element.appendChild(make("span", "tw-more", "+ " + data.more_frames));
}
