// The slider between photo and depth: depth covers the picture from the left up to a divider.

class Wipe {
  constructor(words, box, depth) {
    this.words = words;
    this.box = box;
    this.depth = depth;
    this.value = 0;
    this.bar = make("div", "tw-wipe");
    this.ends = [makeButton("tw-button tw-end", words.photo, () => this.set(0)), makeButton("tw-button tw-end", words.depth, () => this.set(100))];
    this.slider = make("input", "tw-slider");
    Object.assign(this.slider, { type: "range", min: "0", max: "100", step: "1" });
    this.slider.setAttribute("aria-label", words.wipe);
    this.slider.addEventListener("input", () => this.set(Number(this.slider.value)));
    this.bar.append(this.ends[0], this.slider, this.ends[1]);
    this.divider = make("div", "tw-divider");
    this.divider.setAttribute("aria-hidden", "true");
    this.divider.appendChild(make("span", "tw-grip"));
    this.divider.addEventListener("pointerdown", (event) => this.grab(event));
    box.appendChild(this.divider);
    this.set(0);
  }

  grab(event) {
    event.preventDefault();
    const divider = this.divider;
    divider.setPointerCapture(event.pointerId);
    const move = (moved) => {
      const { left, width } = this.box.getBoundingClientRect();
      this.set(clamp((100 * (moved.clientX - left)) / width, 0, 100));
    };
    const end = () => {
      divider.removeEventListener("pointermove", move);
      divider.removeEventListener("pointerup", end);
      divider.removeEventListener("pointercancel", end);
    };
    divider.addEventListener("pointermove", move);
    divider.addEventListener("pointerup", end);
    divider.addEventListener("pointercancel", end);
  }

  // The share of the width that shows depth [per cent].
  set(value) {
    this.value = value;
    this.slider.value = String(Math.round(value));
    this.slider.setAttribute("aria-valuetext", fill(this.words.wipe_at, { share: Math.round(value) }));
    this.ends[0].setAttribute("aria-pressed", String(value === 0));
    this.ends[1].setAttribute("aria-pressed", String(value === 100));
    this.show();
  }

  setAvailable(isAvailable) {
    this.isAvailable = isAvailable;
    this.bar.hidden = !isAvailable;
    this.show();
  }

  show() {
    const isShown = Boolean(this.isAvailable) && this.value > 0;
    this.depth.hidden = !isShown;
    this.depth.style.clipPath = "inset(0 " + (100 - this.value) + "% 0 0)";
    this.divider.hidden = !isShown || this.value >= 100;
    this.divider.style.left = this.value + "%";
    this.box.classList.toggle("tw-all-depth", isShown && this.value >= 100);
    if (this.onChange) this.onChange();
  }
}
