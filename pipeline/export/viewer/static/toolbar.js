// The row of settings, the legend, and the line that says what was picked.

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(text, onClick) {
  const made = element("button", "tv-button", text);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

// Buttons of which one is pressed; returns the element and a function that marks one.
function choice(label, entries, onChoose) {
  const group = element("div", "tv-group");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  const buttons = entries.map(([name, text]) => {
    const made = button(text, () => onChoose(name));
    group.appendChild(made);
    return [name, made];
  });
  const mark = (chosen) => {
    for (const [name, made] of buttons) made.setAttribute("aria-pressed", String(name === chosen));
  };
  mark(null);
  return { group, mark };
}

function buildToolbar(data, actions, state) {
  const words = data.words;
  const bar = element("div", "tv-toolbar");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", words.toolbar);
  if (data.views.length > 1) {
    const select = element("select", "tv-select");
    select.setAttribute("aria-label", words.frame);
    data.views.forEach((view, index) => {
      const option = element("option", "", view.label);
      option.value = String(index);
      select.appendChild(option);
    });
    select.addEventListener("change", () => actions.setView(Number(select.value)));
    bar.appendChild(select);
    state.select = select;
  }
  const presets = [["camera", words.camera], ["top", words.top], ["side", words.side]];
  const views = choice(words.view, presets, (name) => actions.setPreset(name));
  bar.appendChild(views.group);
  const modes = [["photo", words.photo], ["depth", words.depth], ["region", words.region]];
  if (data.frames.some((frame) => frame.confidence)) modes.push(["error", words.confidence]);
  else if (data.frames.some((frame) => !frame.relief)) modes.push(["error", words.error]);
  const colours = choice(words.colour, modes, (name) => actions.setColour(name));
  bar.appendChild(colours.group);
  const toggles = element("div", "tv-group");
  toggles.setAttribute("role", "group");
  toggles.setAttribute("aria-label", words.show);
  for (const name of ["boxes", "labels", "cameras"]) {
    if (name === "cameras" && data.frames.every((frame) => frame.relief)) continue;
    const made = button(words[name], () => {
      state.shown[name] = !state.shown[name];
      made.setAttribute("aria-pressed", String(state.shown[name]));
      actions.redraw();
    });
    made.setAttribute("aria-pressed", String(state.shown[name]));
    toggles.appendChild(made);
  }
  bar.appendChild(toggles);
  const size = element("label", "tv-size", words.point_size);
  const slider = element("input");
  Object.assign(slider, { type: "range", min: "1", max: "10", step: "0.5" });
  slider.addEventListener("input", () => actions.setPointSize(Number(slider.value)));
  size.appendChild(slider);
  bar.appendChild(size);
  const known = modes.map(([name]) => name);
  return { bar, markPreset: views.mark, markColour: colours.mark, slider, modes: known };
}

// What the colours mean; empty for photos.
function legend(data, mode, range, parts, onRegion) {
  const words = data.words;
  const box = element("div", "tv-legend");
  if (mode === "region") {
    const present = new Set(parts.map((part) => part.frame.index));
    const named = new Set();
    data.regions.forEach((region, index) => {
      if (!present.has(region.frame) || named.has(region.name)) return;
      named.add(region.name);
      const entry = button(region.name, () => onRegion(index));
      entry.className = "tv-swatch";
      entry.style.setProperty("--swatch", css(region.colour, 1));
      box.appendChild(entry);
    });
    const none = element("span", "tv-swatch", words.no_region);
    none.style.setProperty("--swatch", css(NO_REGION, 1));
    box.appendChild(none);
  } else if (mode === "depth" || mode === "error") {
    const frame = parts[0].frame;
    const isMetric = frame.kind === "metric";
    let ends;
    if (mode === "error") {
      const share = (value) => (value * 100).toPrecision(2) + " %";
      ends = parts[0].points.confidence ? ["0", "1"] : range.map((value) => "± " + share(value));
    } else if (frame.relief) ends = [words.near, words.far];
    else {
      const text = (value) =>
        isMetric ? lengthText(value) : filled(words.units, { length: Number(value.toPrecision(3)) });
      ends = frame.ends.map(text);
    }
    box.appendChild(element("span", "", ends[0]));
    const scale = element("span", "tv-scale");
    // Near is left, as below the pictures of depth.
    scale.style.backgroundImage = gradient(mode === "depth" ? [...PLASMA].reverse() : VIRIDIS);
    box.appendChild(scale);
    box.appendChild(element("span", "", ends[1]));
  }
  box.hidden = !box.childNodes.length;
  return box;
}

// Left, top, right and bottom of the legend in the stage [CSS px].
function legendBox(legend) {
  const [left, top] = [legend.offsetLeft, legend.offsetTop];
  return [left, top, left + legend.offsetWidth, top + legend.offsetHeight];
}
