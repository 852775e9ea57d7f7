// The workbench: what is shown, lit and picked, and the global object of the page.

// How long a pointer rests before the 3D scene follows, which draws more slowly than a pointer moves [ms].
const FOLLOW_MS = 60;
const IS_ID = /^[\w-]{1,128}$/;

class Workbench {
  constructor(element, options, memory, emit) {
    this.options = { language: "en", theme: "auto", tools: ["box", "points"], address: addressOf, headers: {}, ...options };
    this.words = this.options.words;
    this.memory = memory;
    this.emit = emit;
    this.data = null;
    this.tab = "picture";
    this.picked = NOTHING;
    this.lit = NOTHING;
    this.turn = 0;
    this.readers = new Map();
    this.build(element);
  }

  build(element) {
    const { words, options } = this;
    this.picture = new Picture(words, (frame, u, v) => this.textAt(frame, u, v));
    this.space = new Space(words, options.language, options.base || BASE, options.headers);
    this.space.onSelect = (what) => this.selectedInSpace(what);
    this.parts = buildLayout(words, options, this.picture, this.space, {
      chooseFrame: (index) => this.chooseFrame(index),
      chooseTab: (name) => this.chooseTab(name),
      toggleMarks: () => this.toggleMarks(),
      startBox: () => this.startBox(),
      startPoints: () => this.startPoints(),
      toggleLarge: () => this.setLarge(!this.isLarge),
    });
    for (const name of ["box", "points"]) this.parts.tools[name].hidden = !options.tools.includes(name);
    this.parts.empty.append(...(options.empty ? [options.empty] : element.childNodes));
    element.replaceChildren(this.parts.root);
    this.hand = new Hand(words, this.picture, this.parts, this.emit);
    this.picture.onSized = () => this.picture.showHand();
    this.links = new Links(this.parts.root, {
      current: () => this.id,
      hover: (result, linked) => this.hovered(result, linked),
      pick: (result, linked) => this.pickedBy(result, linked),
      escape: () => this.escape(),
      refresh: () => this.relight(),
    });
    this.unfollow = followTheme(this.parts.root, options.theme, (theme) => {
      this.parts.root.dataset.theme = theme;
      this.space.setTheme(theme);
    });
    ensureSigns();
    this.setProgress(null);
    this.chooseTab("picture");
  }

  escape() {
    if (this.isLarge) this.setLarge(false);
    else {
      this.pick(NOTHING);
      this.parts.jump.offer(null);
    }
  }

  get id() {
    return this.data ? this.data.id : null;
  }

  // The data of a result: its data, its address or its id.
  read(what) {
    if (typeof what !== "string") return Promise.resolve(what);
    const known = [...this.memory.results.values()].find((data) => data.id === what);
    if (known) return Promise.resolve(known);
    return fetched(what.includes("/") ? what : this.options.address(what), this.options.headers);
  }

  // Shows a result; resolves to its data, or null where it cannot be read or another one was asked for meanwhile.
  show(what) {
    const turn = ++this.turn;
    return this.read(what).then(
      (data) => {
        if (turn !== this.turn) return null;
        this.memory.results.set(data.id, data);
        this.setData(data);
        return data;
      },
      () => {
        if (turn === this.turn) this.fail(this.words.failed);
        return null;
      },
    );
  }

  showScene(scene) {
    this.turn++;
    this.setData(sceneData(scene));
  }

  showDepth(what) {
    const { turn, data } = this;
    return this.read(what).then((other) => {
      if (turn === this.turn && data) this.setData(withDepth(data, other), true);
    });
  }

  setData(data, isSame) {
    const before = this.data;
    this.hand.end();
    this.fail("");
    this.data = this.memory.data = data;
    this.picked = this.lit = NOTHING;
    this.readers.clear();
    const keeps = isSame || isSameScene(before, data);
    const frames = data.frames.map((frame) => frame.index);
    if (!keeps || !frames.includes(this.frameIndex)) this.frameIndex = firstFrame(data);
    if (!keeps) this.hand.clear();
    this.parts.empty.hidden = frames.length > 0;
    this.parts.full.hidden = !frames.length;
    fillStrip(this.parts.strip, data, this.words, this.parts.panel);
    fillChips(this.parts.chips, data.objects);
    this.parts.tabs.tabs[1].element.disabled = !data.view;
    if (!data.view && this.tab === "space") this.chooseTab("picture");
    this.showFrame();
    if (this.tab === "space") this.showSpace(keeps);
    else this.space.close();
    this.relight();
    if (data.id) this.emit("show", { result: data.id });
  }

  frame() {
    return this.data && this.data.frames.find((frame) => frame.index === this.frameIndex);
  }

  showFrame() {
    const frame = this.frame();
    if (!frame) return;
    this.parts.strip.mark(frame.index);
    this.picture.known = this.data.regions;
    this.picture.show(this.data, frame);
  }

  // By the user.
  chooseFrame(index) {
    this.toFrame(index);
    this.space.showFrame(index);
    this.emit("frame", { result: this.id, frame: index });
  }

  toFrame(index) {
    if (index === this.frameIndex) return;
    this.hand.end();
    this.frameIndex = index;
    this.showFrame();
    this.relight();
  }

  chooseTab(name) {
    if (name !== "picture") this.hand.end();
    this.tab = name;
    this.parts.tabs.mark(name);
    this.picture.element.hidden = name !== "picture";
    this.space.element.hidden = name !== "space";
    this.parts.panel.setAttribute("aria-label", name === "space" ? this.words.view : this.words.picture);
    for (const tool of ["marks", "box", "points"]) this.parts.tools[tool].disabled = name === "space";
    if (name === "space" && this.data && this.data.view) this.showSpace();
  }

  showSpace(isSame) {
    return this.space.show(this.data.view, isSame).then((viewer) => {
      if (viewer && !isNothing(this.lit)) this.space.select(this.lit);
      return viewer;
    });
  }

  toggleMarks() {
    const isHidden = this.picture.box.classList.toggle("tw-no-marks");
    this.parts.tools.marks.setAttribute("aria-pressed", String(!isHidden));
  }

  setLarge(isLarge) {
    this.isLarge = isLarge;
    this.parts.root.classList.toggle("tw-large", isLarge);
    const button = this.parts.tools.large;
    button.setAttribute("aria-pressed", String(isLarge));
    rename(button, isLarge ? this.words.shrink : this.words.enlarge);
  }

  textAt(frame, u, v) {
    const pixel = fill(this.words.pixel, { u: u, v: v });
    const reader = this.readerOf(frame.index);
    return reader ? pixel + " · " + reader.text(this.words, u, v) : pixel;
  }

  // The reader of a frame's depth once it is there; the first call fetches it.
  readerOf(index) {
    if (!this.data.view || this.readers.has(index)) return this.readers.get(index) || null;
    const { data, readers } = this;
    readers.set(index, null);
    this.space.reader(data.view, index).then(
      (reader) => {
        if (data !== this.data) return;
        readers.set(index, reader);
        if (reader) this.picture.readAgain();
      },
      // Not tried again at every movement.
      () => {},
    );
    return null;
  }

  // What an element under the pointer or with the focus stands for lights up; afterwards, what is picked.
  hovered(result, linked) {
    if (!linked) this.light(this.id, this.picked);
    else if (result === this.id && this.data) this.light(result, ofElement(this.data, linked));
    else {
      const { claims, claim, regions } = linked.dataset;
      this.links.light(result, { claims: indices(claims || claim), regions: claims || claim ? [] : indices(regions) }, NOTHING);
      this.lit = null;
    }
  }

  light(result, what) {
    if (this.lit && isSame(what, this.lit)) return;
    this.lit = what;
    this.relight();
  }

  relight() {
    const what = this.lit || this.picked;
    this.lit = what;
    this.links.light(this.id, what, this.picked);
    this.picture.box.classList.toggle("has-light", what.regions.length > 0);
    this.fillSaid(what);
    clearTimeout(this.waiting);
    if (!this.isFromSpace) this.waiting = setTimeout(() => this.space.select(this.lit || NOTHING), FOLLOW_MS);
  }

  fillSaid(what) {
    const { said } = this.parts;
    const claims = this.data ? this.data.claims : [];
    said.hidden = !claims.length;
    if (what.claims.length) fillVerdict(said, claims[what.claims[0]], this.words);
    else said.textContent = this.words.pick_hint;
    said.classList.toggle("tw-soft", !what.claims.length);
  }

  pick(what) {
    this.picked = what;
    if (this.data) {
      const frames = framesOf(this.data, what);
      if (frames.length && !frames.includes(this.frameIndex)) this.toFrame(frames[0]);
    }
    this.lit = what;
    this.relight();
  }

  // By the user; the same again picks nothing.
  pickedBy(result, linked) {
    const isOutside = linked && !this.parts.root.contains(linked);
    if (linked && result !== this.id) {
      // Whatever a page shows, no more than an id is taken from it.
      if (!result || !IS_ID.test(result)) return;
      this.show(result).then((data) => {
        if (data) this.choose(ofElement(data, linked));
        this.parts.jump.offer(data && isOutside ? linked : null);
      });
    } else if (this.data) {
      const what = linked ? ofElement(this.data, linked) : NOTHING;
      this.choose(isSame(what, this.picked) ? NOTHING : what);
      this.parts.jump.offer(isOutside && !isNothing(this.picked) ? linked : null);
    }
  }

  choose(what) {
    const isNew = !isSame(what, this.picked);
    this.pick(what);
    if (isNew) this.emit("select", this.selected());
  }

  selected() {
    const { claims, regions } = this.picked;
    const claim = claims.length ? claims[0] : null;
    const region = !claims.length && regions.length ? regions[0] : null;
    return { result: this.id, claim: claim, region: region, claims: claims, regions: regions, frame: this.frameIndex };
  }

  selectedInSpace(what) {
    this.isFromSpace = true;
    if (typeof what.claim === "number") this.choose(ofClaims(this.data, [what.claim]));
    else if (typeof what.region === "number") this.choose(ofRegions(this.data, [what.region]));
    else this.choose(NOTHING);
    this.isFromSpace = false;
  }

  // What the page selects: a claim or a region of a result, { result, index } or an index of the shown one, or null.
  select(what) {
    const isClaim = Boolean(what) && what.claim !== undefined && what.claim !== null;
    const given = what && (isClaim ? what.claim : what.region);
    const { result, index } = typeof given === "object" && given ? given : { result: this.id, index: given };
    const apply = (data) => {
      if (!data) return;
      if (typeof index !== "number") this.pick(NOTHING);
      else this.pick(isClaim ? ofClaims(data, [index]) : ofRegions(data, [index]));
    };
    if (result === undefined || result === this.id) return Promise.resolve(apply(this.data));
    return this.show(result).then(apply);
  }

  startBox(name) {
    return this.canDraw() && this.hand.startBox(name || "", null);
  }

  startPoints() {
    return this.canDraw() && this.hand.startPoints();
  }

  // What was drawn by hand and is given up.
  forgetHand(isMeant) {
    this.hand.forget(isMeant);
  }

  nameBox(id, name) {
    const box = this.picture.hand.find((one) => one.id === id);
    if (!box) return;
    box.name = name;
    this.picture.showHand();
  }

  // Whether there is a frame to draw on, which is then shown.
  canDraw() {
    const frame = this.frame();
    if (!frame || !frame.width) return false;
    this.chooseTab("picture");
    return true;
  }

  clear() {
    this.turn++;
    this.hand.clear();
    this.memory.results.clear();
    this.setData({ ...sceneData({}), frames: [] });
    this.setProgress(null);
  }

  // What is being done, in words, and how much of it [0 to 1] where that is known; null for nothing.
  setProgress(text, share) {
    const { progress } = this.parts;
    const [said, bar] = progress.children;
    progress.classList.toggle("tw-working", Boolean(text));
    this.parts.root.setAttribute("aria-busy", String(Boolean(text)));
    said.textContent = text || "";
    bar.classList.toggle("tw-known", typeof share === "number");
    bar.style.setProperty("--share", String(typeof share === "number" ? clamp(share, 0, 1) : 0));
  }

  fail(text) {
    this.parts.note.textContent = text;
    this.parts.note.hidden = !text;
  }

  dispose() {
    this.turn++;
    clearTimeout(this.waiting);
    this.hand.end();
    this.links.remove();
    this.unfollow();
    this.space.close();
    this.parts.root.remove();
  }
}

// The frame that says most at first: that of the first claim, or of the first region.
function firstFrame(data) {
  const claim = data.claims.find((one) => one.frames.length);
  const region = data.regions[0];
  const wanted = claim ? claim.frames[0] : region ? region.frame : 0;
  const found = data.frames.find((frame) => frame.index === wanted) || data.frames[0];
  return found ? found.index : 0;
}
