// The 3D scene, made when its tab opens first, from the same data as the depth under the pointer.

// Views of results whose data and points stay in memory.
const MOST_VIEWS = 3;

// The value of a key, made if needed; the oldest ones go.
function kept(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  for (const old of map.keys()) {
    if (map.size <= MOST_VIEWS) break;
    if (old !== key) map.delete(old);
  }
  return map.get(key);
}

class Space {
  constructor(words, language, base, headers) {
    Object.assign(this, { words, language, base, headers });
    this.element = make("div", "tw-space");
    this.views = new Map();
    this.readings = new Map();
    this.viewer = null;
    this.address = null;
  }

  // The data of a 3D view: an address, or the data itself.
  data(view) {
    if (typeof view !== "string") return Promise.resolve(view);
    return kept(this.views, view, () => {
      const coming = fetched(view, this.headers);
      coming.catch(() => this.views.delete(view));
      return coming;
    });
  }

  // Shows a view, from where the last one of the same scene was seen; resolves to its viewer, or null where another
  // one was asked for meanwhile.
  show(view, isSame) {
    if (this.view === view && this.coming) return this.coming;
    const [eye, colour] = isSame && this.viewer ? [this.viewer.eye(), this.viewer.colour] : [null, undefined];
    this.close();
    this.view = view;
    this.say(this.words.loading);
    const scripts = load(this.base + "three.min.js").then(() => load(this.base + "viewer.js"));
    this.coming = Promise.all([this.data(view), scripts, load(this.base + "viewer.css")]).then(
      ([data]) => {
        if (this.view !== view) return null;
        this.element.replaceChildren();
        const made = { ...data, words: this.words.viewer, language: this.language };
        const viewer = window.Theodolite.createViewer(this.element, made, { colour });
        this.viewer = viewer;
        viewer.setTheme(this.theme);
        viewer.on("select", (what) => this.onSelect && this.onSelect(what));
        return viewer.ready.then(() => {
          if (this.viewer !== viewer) return null;
          if (eye) viewer.setEye(eye);
          return viewer;
        });
      },
      () => {
        if (this.view === view) this.say(this.words.no_view);
        this.coming = null;
        return null;
      },
    );
    return this.coming;
  }

  say(text) {
    const note = make("p", "tw-note", text);
    note.setAttribute("role", "status");
    this.element.replaceChildren(note);
  }

  setTheme(theme) {
    this.theme = theme;
    if (this.viewer) this.viewer.setTheme(theme);
  }

  // Shows a frame alone, where the view has it.
  showFrame(index) {
    if (!this.viewer) return;
    const { views, frames } = this.viewer.data;
    const found = views.findIndex((one) => one.frames.length === 1 && frames[one.frames[0]].index === index);
    if (found >= 0 && views.length > 1) this.viewer.setView(found);
  }

  select(what) {
    if (!this.viewer) return;
    if (what.claims.length) this.viewer.select({ claim: what.claims[0] });
    else if (what.regions.length) this.viewer.select({ region: what.regions[0] });
    else this.viewer.select(null);
  }

  close() {
    if (this.viewer) this.viewer.dispose();
    this.viewer = null;
    this.view = null;
    this.coming = null;
    this.element.replaceChildren();
  }

  // The reader of a frame's depth; null where it has none.
  reader(view, index) {
    return kept(this.readings, view + "#" + index, () => {
      const coming = Promise.all([this.data(view), load(this.base + "viewer.js")]).then(([data]) => {
        const frame = data.frames.find((one) => one.index === index);
        return frame ? window.Theodolite.unpackedPoints(frame).then((points) => new DepthReader(frame, points)) : null;
      });
      coming.catch(() => this.readings.delete(view + "#" + index));
      return coming;
    });
  }
}
