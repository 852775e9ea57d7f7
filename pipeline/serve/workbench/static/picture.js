// Photo and depth of one frame under its marks, with the slider between them and what is known under the pointer.

class Picture {
  constructor(words, frameText) {
    this.words = words;
    this.frameText = frameText;
    this.frame = null;
    this.hand = [];
    this.element = make("div", "tw-picture");
    this.box = make("div", "picture-box");
    this.photo = make("img", "tw-photo");
    this.depth = make("img", "tw-depth");
    this.depth.alt = "";
    this.photo.addEventListener("load", () => this.sized());
    this.svg = shape("svg", { class: "marks" });
    this.box.append(this.photo, this.depth, this.svg);
    this.wipe = new Wipe(words, this.box, this.depth);
    this.drawings = make("div", "tw-drawings");
    this.foot = make("div", "legend");
    this.near = make("span");
    this.far = make("span");
    this.ramp = make("span", "ramp");
    this.hole = make("span", "hole");
    this.lacking = make("span", "", words.no_depth);
    this.kind = make("span", "tw-kind");
    this.read = make("span", "tw-read");
    this.foot.append(this.near, this.ramp, this.far, this.hole, this.lacking, this.kind, this.read);
    this.element.append(this.box, this.drawings, this.wipe.bar, this.foot);
    this.wipe.onChange = () => this.showLegend();
    this.box.addEventListener("pointermove", (event) => this.pointed(event));
    this.box.addEventListener("pointerdown", (event) => this.pointed(event));
    this.box.addEventListener("pointerleave", () => this.left());
  }

  // Shows a frame of the data.
  show(data, frame) {
    this.frame = frame;
    this.setSource(this.photo, frame.photo, frame.sha256);
    this.setSource(this.depth, frame.depth, null);
    this.photo.alt = fill(this.words.photo_of, { number: frame.index + 1, name: frame.name });
    this.wipe.setAvailable(Boolean(frame.depth));
    const svg = marksOf(data, frame, this.words);
    this.svg.replaceWith(svg);
    this.svg = svg;
    this.left();
    this.sized();
    this.showHand();
  }

  // The same pixels under another address stay.
  setSource(image, address, sha256) {
    if (!address) image.removeAttribute("src");
    else if (!(sha256 && image.dataset.sha256 === sha256) && image.getAttribute("src") !== address) image.src = address;
    if (sha256) image.dataset.sha256 = sha256;
    else delete image.dataset.sha256;
  }

  // The size of a scene before any result is that of its photos, which browsers turn upright.
  sized() {
    const { frame, photo } = this;
    if (!frame) return;
    if (!frame.width && photo.complete && photo.naturalWidth && photo.getAttribute("src") === frame.photo) {
      Object.assign(frame, { width: photo.naturalWidth, height: photo.naturalHeight });
    }
    this.box.classList.toggle("tw-sized", frame.width > 0);
    if (!frame.width) return;
    this.box.style.setProperty("--aspect", String(frame.width / frame.height));
    this.svg.setAttribute("viewBox", "0 0 1000 " + (1000 * frame.height) / frame.width);
    if (this.onSized) this.onSized();
  }

  showLegend() {
    const { frame } = this;
    const isShown = Boolean(frame && frame.depth) && this.wipe.value > 0;
    const isRamp = isShown && !frame.is_empty;
    for (const part of [this.near, this.ramp, this.far]) part.hidden = !isRamp;
    this.hole.hidden = !(isRamp && frame.has_holes);
    this.lacking.hidden = !(isShown && (frame.has_holes || frame.is_empty));
    this.kind.hidden = !isShown;
    if (!isShown) return;
    this.lacking.textContent = frame.is_empty ? this.words.no_valid_depth : this.words.no_depth;
    const ends = frame.ends_m ? frame.ends_m.map((end) => Number(end.toPrecision(3)) + " m") : [this.words.near, this.words.far];
    [this.near.textContent, this.far.textContent] = ends;
    this.kind.textContent = frame.kind_text || "";
  }

  pointed(event) {
    if (!this.frame || !this.frame.width) return;
    const [u, v] = pixelOf(placeOf(event, this.box, this.frame)).map(Math.round);
    const pixel = [clamp(u, 0, this.frame.width - 1), clamp(v, 0, this.frame.height - 1)];
    this.pixel = pixel;
    this.readAgain();
  }

  // What is known of the pixel under the pointer, now or since its depth came.
  readAgain() {
    if (this.pixel) this.read.textContent = this.frameText(this.frame, this.pixel[0], this.pixel[1]);
  }

  left() {
    this.pixel = null;
    this.read.textContent = "";
  }

  // Boxes and points that were drawn by hand; a click on a box takes it up again.
  showHand() {
    for (const old of this.box.querySelectorAll(".tw-hand")) old.remove();
    if (!this.frame || !this.frame.width) return;
    for (const one of this.hand.filter((entry) => entry.frame === this.frame.index && !this.isKnown(entry))) {
      this.box.insertBefore(one.box_px ? this.handBox(one) : this.handLine(one), this.wipe.divider);
    }
  }

  // Whether a region of the result is that box already.
  isKnown({ box_px, frame }) {
    const isSame = (region) => region.frame === frame && region.box_px.every((edge, k) => Math.abs(edge - box_px[k]) < 1);
    return Boolean(box_px) && (this.known || []).some(isSame);
  }

  handBox(one) {
    const [left, top, right, bottom] = one.box_px;
    const made = makeButton("tw-hand tw-hand-box", undefined, () => this.onTake(one));
    const name = one.name ? fill(this.words.box_named, { name: one.name }) : this.words.box;
    rename(made, name);
    made.style.left = (100 * left) / this.frame.width + "%";
    made.style.top = (100 * top) / this.frame.height + "%";
    made.style.width = (100 * (right - left)) / this.frame.width + "%";
    made.style.height = (100 * (bottom - top)) / this.frame.height + "%";
    if (one.name) made.appendChild(make("span", "tw-tag", one.name));
    return made;
  }

  handLine(one) {
    const svg = shape("svg", { class: "tw-hand tw-line", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    const [start, end] = one.points_px.map(([u, v]) => [(100 * (u + 0.5)) / this.frame.width, (100 * (v + 0.5)) / this.frame.height]);
    for (const name of ["tw-halo", "tw-core"]) {
      svg.appendChild(shape("line", { class: name, x1: start[0], y1: start[1], x2: end[0], y2: end[1] }));
    }
    return svg;
  }
}
