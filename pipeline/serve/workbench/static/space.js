// The 3D scene, made when its tab opens first, from the same data as the depth under the pointer.

class Space {
  constructor(words, language, base, headers) {
    Object.assign(this, { words, language, base, headers });
    this.element = make("div", "tw-space");
    this.views = new Map();
    this.viewer = null;
    this.address = null;
  }

  // The data of a 3D view: an address, or the data itself.
  data(view) {
    if (typeof view !== "string") return Promise.resolve(view);
    if (!this.views.has(view)) {
      const coming = fetched(view, this.headers);
      coming.catch(() => this.views.delete(view));
      this.views.set(view, coming);
    }
    return this.views.get(view);
  }

  // Shows a view; resolves to its viewer, or null where another one was asked for meanwhile.
  show(view) {
    if (this.view === view && this.coming) return this.coming;
    this.close();
    this.view = view;
    this.say(this.words.loading);
    const scripts = load(this.base + "three.min.js").then(() => load(this.base + "viewer.js"));
    this.coming = Promise.all([this.data(view), scripts, load(this.base + "viewer.css")]).then(
      ([data]) => {
        if (this.view !== view) return null;
        this.element.replaceChildren();
        this.viewer = window.Theodolite.createViewer(this.element, { ...data, words: this.words.viewer, language: this.language });
        this.viewer.setTheme(this.theme);
        this.viewer.on("select", (what) => this.onSelect && this.onSelect(what));
        return this.viewer.ready.then(() => this.viewer);
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

  // Readers of depth by the index of their frame.
  readers(view) {
    return Promise.all([this.data(view), load(this.base + "viewer.js")]).then(([data]) => {
      const made = new Map();
      const read = (frame) => window.Theodolite.unpackedPoints(frame).then((points) => new DepthReader(frame, points));
      return (index) => {
        const frame = data.frames.find((one) => one.index === index);
        if (!frame) return Promise.resolve(null);
        if (!made.has(index)) made.set(index, read(frame));
        return made.get(index);
      };
    });
  }
}
