// The viewer: Theodolite.createViewer(element, data, options) fills an element, which needs a height.
//
// data: what pipeline/export/viewer/data.py describes. options: colour, one of the modes below; toolbar: false for none.
// Positions are in the space of the frames that are shown, and in the unit of the data; x and y are pixels [CSS px] of
// the canvas.
//
// ready: a promise, resolved after the first picture is drawn.
// select({ claim }), select({ region }), select(null): highlights; calls no listener.
// on("select", f): f({ region, claim }), indices or null, after a click on a name or a point of a region.
// on("pick", f): f({ frame, u, v, z, position, region, distance }), distance { length, low, high, unit, text } of the
//   second of two points, else null; unit is "m", or null where depth has no scale.
// setTheme("light" | "dark" | null), null for that of the page and the system;
// setView(index) of data.views, which returns a promise; setColour("photo" | "depth" | "region" | "error");
// setPreset("camera" | "top" | "side"); setPointSize(pixels); resize(), which follows by itself where the browser tells;
// dispose().
// project(position) gives { x, y, depth }; pickAt(x, y) what a click there would pick, or null; measure(one, other) the
// distance of the ``point`` of two of these.

// Drawn units per unit of the data, so that 32-bit numbers hold positions of any size.
function unitOf(data) {
  const depth = data.frames[0].depth;
  const middle = Math.sqrt(depth.least * depth.largest);
  return middle > 1e-3 && middle < 1e5 ? 1 : middle;
}

class Viewer {
  constructor(host, data, options) {
    this.data = data;
    this.options = options || {};
    this.listeners = { select: [], pick: [] };
    this.state = { shown: { boxes: true, labels: true, cameras: true }, select: null };
    this.selection = null;
    this.parts = [];
    this.build(host);
    this.ready = this.start();
  }

  build(host) {
    const words = this.data.words;
    this.root = element("div", "tv-root");
    this.root.lang = this.data.language;
    if (this.data.notice) this.root.appendChild(element("div", "tv-notice", this.data.notice));
    host.appendChild(this.root);
    if (!this.data.frames.length) return;
    this.tools = buildToolbar(this.data, this, this.state);
    if (this.options.toolbar !== false) this.root.insertBefore(this.tools.bar, this.root.firstChild);
    this.stage = element("div", "tv-stage");
    this.canvas = element("canvas", "tv-canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.lines = element("canvas", "tv-lines");
    this.lines.setAttribute("aria-hidden", "true");
    const layer = element("div", "tv-labels");
    this.legend = element("div", "tv-legend");
    this.stage.append(this.canvas, this.lines, layer, this.legend);
    this.labels = new Labels(layer, (item) => this.chosen(item));
    this.status = element("div", "tv-status");
    this.counted = element("span", "tv-count");
    const isOrder = this.data.frames.every((frame) => frame.relief);
    this.picks = new Picks(words, isOrder, () => this.redraw());
    const about = element("div", "tv-about");
    about.append(this.counted);
    if (this.data.frames.some((frame) => !frame.relief)) about.append(element("span", "", words.interval));
    this.status.append(this.picks.said, this.picks.clearing, about);
    this.root.append(this.stage, this.status);
  }

  start() {
    if (!this.data.frames.length) return Promise.resolve();
    this.unit = unitOf(this.data);
    this.view = new View();
    this.pen = new Pen(this.lines, this.view);
    try {
      this.renderer = new THREE.WebGLRenderer({ canvas: this.canvas, alpha: true, antialias: false });
    } catch (error) {
      this.stage.hidden = true;
      this.picks.said.textContent = this.data.words.no_webgl;
      return Promise.resolve();
    }
    this.scene = new THREE.Scene();
    this.material = cloudMaterial();
    this.colour = this.tools.modes.includes(this.options.colour) ? this.options.colour : "photo";
    this.detach = attachControls(this.canvas, {
      orbit: (yaw, pitch) => this.moved(() => this.view.orbit(yaw, pitch)),
      pan: (x, y) => this.moved(() => this.view.pan(x, y)),
      zoom: (factor) => this.moved(() => this.view.zoom(factor)),
      tap: (x, y) => this.tapped(x, y),
      hover: (x, y) => this.hovered(x, y),
      key: (key) => this.pressed(key),
    });
    if (typeof ResizeObserver !== "undefined") {
      this.observer = new ResizeObserver(() => this.resize());
      this.observer.observe(this.stage);
    }
    this.theming = window.matchMedia("(prefers-color-scheme: dark)");
    this.onTheme = () => this.redraw();
    this.theming.addEventListener("change", this.onTheme);
    this.themes = new MutationObserver(this.onTheme);
    this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "class"] });
    this.canvas.addEventListener("webglcontextrestored", this.onTheme);
    this.unpacked = new Map();
    return this.setView(0);
  }

  // Shows the frames of a view; resolves after they are drawn.
  setView(index) {
    this.viewIndex = index;
    if (this.state.select) this.state.select.value = String(index);
    const positions = this.data.views[index].frames;
    for (const position of positions) {
      if (!this.unpacked.has(position)) this.unpacked.set(position, unpackedPoints(this.data.frames[position]));
    }
    return Promise.all(positions.map((position) => this.unpacked.get(position))).then((all) => {
      if (this.viewIndex !== index || this.isDisposed) return;
      this.show(positions.map((position, k) => ({ frame: this.data.frames[position], points: all[k] })));
    });
  }

  show(parts) {
    for (const part of this.parts) {
      this.scene.remove(part.cloud);
      part.cloud.geometry.dispose();
    }
    this.parts = parts;
    for (const part of parts) {
      part.cloud = cloudOf(part, this.unit, this.material);
      this.scene.add(part.cloud);
    }
    this.range = errorRange(parts);
    const around = surroundingsOf(parts, this.unit);
    this.view.setFrame(parts[0].frame, around);
    this.items = overlayItems(this.data, parts, this.unit, around.depth);
    this.view.wanted = framedPoints(parts, around, this.items);
    this.labels.clear();
    const total = (key) => parts.reduce((sum, part) => sum + part.frame[key], 0);
    const count = (key) => total(key).toLocaleString("en").replace(/,/g, " ");
    const said = filled(this.data.words.points_shown, { shown: count("count"), total: count("total") });
    this.counted.textContent = said;
    const name = filled(this.data.words.name, { points: said });
    this.canvas.setAttribute("aria-label", name + ". " + this.data.words.keys);
    this.picks.clear();
    this.paint();
    this.fade();
    this.resize();
    this.setPreset("camera");
    this.draw();
  }

  // Size [CSS px] at which the points of the first frame cover its picture.
  fittingSize() {
    const { frame } = this.parts[0];
    // Frames that show the same place fill each other's gaps.
    const layers = Math.min(this.parts.length, 4);
    const spacing = Math.sqrt(Math.max(1, frame.total) / Math.max(1, frame.count) / layers);
    // A grid without gaps needs no more than its pixels; chosen points leave gaps between them.
    const covers = spacing > 1 ? Math.max(1.9, 1.6 * spacing) : 1.15;
    return Math.min(Math.max((covers * this.view.focal) / frame.camera[0], 1.5), 10);
  }

  paint() {
    for (const part of this.parts) colourCloud(part, this.colour, this.data.regions, this.range);
    const fresh = legend(this.data, this.colour, this.range, this.parts, (region) => this.chosen({ region }));
    this.legend.replaceWith(fresh);
    this.legend = fresh;
    this.tools.markColour(this.colour);
    this.redraw();
  }

  fade() {
    for (const part of this.parts) fadeCloud(part, this.selection ? this.selection.regions : null);
    this.redraw();
  }

  moved(action) {
    if (!this.parts.length) return;
    action();
    this.preset = null;
    this.tools.markPreset(null);
    this.redraw();
  }

  pressed(key) {
    const presets = { 1: "camera", 2: "top", 3: "side" };
    if (presets[key]) this.setPreset(presets[key]);
    else if (key === "Enter") this.pick(this.view.size[0] / 2, this.view.size[1] / 2);
    else if (key === "Escape" && (this.picks.points.length || this.selection)) {
      this.picks.clear();
      if (this.selection) this.chosen({});
    } else return false;
    return true;
  }

  // A click on a label chooses what it names; any other one picks a point.
  tapped(x, y) {
    const item = this.labels.at(x, y);
    if (item) this.chosen(item);
    else this.pick(x, y);
  }

  hovered(x, y) {
    const item = this.labels.at(x, y);
    this.canvas.style.cursor = item ? "pointer" : "";
    this.canvas.title = (item && item.title) || "";
  }

  // A label or an entry of the legend was clicked; the same one again selects nothing.
  chosen(item) {
    const claim = item.claim === undefined ? null : item.claim;
    const region = item.region === undefined ? null : item.region;
    const now = this.selection || {};
    const isSame = this.selection && now.claim === claim && now.region === region;
    const isNone = isSame || (claim === null && region === null);
    this.select(isNone ? null : claim !== null ? { claim } : { region });
    this.emit("select", isNone ? { region: null, claim: null } : { region, claim });
  }

  select(what) {
    const { claims, regions } = this.data;
    const claim = what && what.claim !== undefined && what.claim !== null ? claims[what.claim] : null;
    const region = what && what.region !== undefined && what.region !== null ? regions[what.region] : null;
    this.selection = null;
    if (claim) this.selection = { claim: what.claim, region: null, regions: this.namesakes(claim.regions) };
    else if (region) this.selection = { claim: null, region: what.region, regions: this.namesakes([what.region]) };
    if (!this.parts.length) return;
    const named = claim ? [...claim.lines, ...claim.contours].map((item) => item.frame) : region ? [region.frame] : [];
    const shown = new Set(this.parts.map((part) => part.frame.index));
    if (named.length && !named.some((frame) => shown.has(frame))) {
      const holds = (view) => view.frames.some((position) => named.includes(this.data.frames[position].index));
      const index = this.data.views.findIndex(holds);
      if (index >= 0) this.setView(index);
    }
    this.fade();
  }

  // The regions, and those of the same names in other frames.
  namesakes(indices) {
    const { regions } = this.data;
    const names = new Set(indices.filter((index) => regions[index]).map((index) => regions[index].name));
    return new Set(regions.map((region, index) => index).filter((index) => names.has(regions[index].name)));
  }

  on(name, action) {
    if (!this.listeners[name]) throw new Error("A viewer has no event " + name + ".");
    this.listeners[name].push(action);
    return this;
  }

  emit(name, value) {
    for (const action of this.listeners[name]) action(value);
  }

  setColour(mode) {
    if (!this.tools || !this.tools.modes.includes(mode)) return;
    this.colour = mode;
    if (this.parts.length) this.paint();
  }

  setPreset(name) {
    if (!this.parts.length) return;
    this.preset = name;
    this.view.preset(name, this.parts[0].frame, this.unit);
    this.tools.markPreset(name);
    this.redraw();
  }

  // Where it looks from, or null; another viewer of the same scene looks from there after setEye.
  eye() {
    return this.parts.length ? this.view.eye() : null;
  }

  setEye(eye) {
    this.moved(() => this.view.setEye(eye));
  }

  setPointSize(pixels) {
    this.pointSize = pixels;
    this.isSized = true;
    if (this.tools) this.tools.slider.value = String(pixels);
    this.redraw();
  }

  resize() {
    if (!this.parts.length || this.isDisposed) return;
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height, false);
    this.lines.width = Math.round(width * ratio);
    this.lines.height = Math.round(height * ratio);
    this.ratio = ratio;
    this.view.resize(width, height);
    this.focal = this.view.focal;
    if (this.preset && this.preset !== "camera") this.view.preset(this.preset, this.parts[0].frame, this.unit);
    if (!this.isSized) {
      this.pointSize = this.fittingSize();
      this.tools.slider.value = String(this.pointSize);
    }
    // At once, because resizing clears the canvas.
    this.draw();
  }

  redraw() {
    if (this.pending || this.isDisposed || !this.parts.length) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  // "light" or "dark"; null follows the page and the system.
  setTheme(theme) {
    for (const name of ["light", "dark"]) this.root.classList.toggle("tv-" + name, theme === name);
    this.redraw();
  }

  theme() {
    const style = getComputedStyle(this.root);
    const read = (name) => style.getPropertyValue("--tv-" + name).trim();
    return { background: read("background"), muted: read("muted"), accent: read("accent"), halo: read("halo") };
  }

  draw() {
    if (this.isDisposed || !this.parts.length || !this.ratio) return;
    const theme = this.theme();
    const uniforms = this.material.uniforms;
    uniforms.background.value.set(theme.background || "#ffffff");
    uniforms.size.value = this.pointSize * this.ratio;
    this.renderer.render(this.scene, this.view.camera);
    this.pen.clear(this.ratio);
    drawOverlay(this.pen, this.items, this.state.shown, this.selection, theme);
    const wanted = wantedLabels(this.items, this.state.shown, this.selection);
    this.picks.draw(this.pen, this.unit, theme, wanted);
    this.labels.place(wanted, this.view, this.legend.hidden ? [] : [legendBox(this.legend)]);
  }

  pickAt(x, y) {
    if (!this.parts.length) return null;
    const found = pointAt(this.view, this.parts, x, y, this.pointSize);
    if (!found) return null;
    return this.pointOf(found.part, found.i);
  }

  // What is known of point i of a frame in view.
  pointOf(part, i) {
    const { points, frame } = part;
    const region = points.regions[i];
    return {
      frame: frame.index,
      u: points.u[i],
      v: points.v[i],
      z: points.z[i],
      position: Array.from(points.positions.subarray(3 * i, 3 * i + 3)),
      region: region < 0 ? null : region,
      point: pixelPoint(frame, points.u[i], points.v[i], points.z[i], points.edges[i]),
    };
  }

  // The distance of two pixel points, as ``point`` of ``pickAt``, or null where depth carries none.
  measure(first, second) {
    return measuredBetween(this.data.words, first, second);
  }

  pick(x, y) {
    const found = this.pickAt(x, y);
    if (!found) return;
    const { point, ...told } = found;
    told.distance = this.picks.add(found);
    this.redraw();
    this.emit("pick", told);
    if (told.region !== null) this.emit("select", { region: told.region, claim: null });
  }

  // Pixel [CSS px] of the canvas at which a position of the space is drawn.
  project(position) {
    const { x, y, depth } = this.view.project(position.map((number) => number / this.unit));
    return { x, y, depth: depth * this.unit };
  }

  dispose() {
    this.isDisposed = true;
    if (this.pending) cancelAnimationFrame(this.pending);
    if (this.detach) this.detach();
    if (this.observer) this.observer.disconnect();
    if (this.themes) this.themes.disconnect();
    if (this.theming) this.theming.removeEventListener("change", this.onTheme);
    for (const part of this.parts) part.cloud.geometry.dispose();
    if (this.renderer) {
      this.material.dispose();
      this.renderer.dispose();
      this.renderer.forceContextLoss();
    }
    this.root.remove();
  }
}

function createViewer(host, data, options) {
  return new Viewer(host, data, options);
}
