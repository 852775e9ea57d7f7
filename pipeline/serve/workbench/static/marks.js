// Boxes, masks, names, signs and measurements of a frame as SVG over its photo, as in the page of a report.

function marksOf(data, frame, words) {
  const drawing = frame.drawing;
  const height = drawing ? drawing.height : 1000;
  const svg = shape("svg", { class: "marks", viewBox: "0 0 1000 " + height, preserveAspectRatio: "none", role: "group" });
  svg.setAttribute("aria-label", words.regions);
  if (!drawing) return svg;
  for (const one of drawing.shapes) svg.appendChild(markOf(data, one));
  for (const measure of drawing.measures) svg.appendChild(measureOf(measure, drawing.scales));
  drawing.labels.forEach((labels, size) => svg.appendChild(namesOf(data, labels, size, drawing.scales[size])));
  return svg;
}

function markOf(data, one) {
  const region = data.regions[one.region];
  const group = shape("g", { class: region.is_named ? "mark" : "mark plain", "data-regions": one.region });
  group.style.setProperty("--region", region.colour);
  if (region.is_named) {
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", "button");
    group.setAttribute("aria-label", region.name);
  }
  if (one.box) {
    const [x, y, width, height] = one.box;
    const place = { x, y, width, height };
    if (region.is_named) group.appendChild(shape("rect", { class: "rim", ...place }));
    if (one.mask) group.appendChild(shape("path", { class: "mask", d: one.mask }));
    group.appendChild(shape("rect", { class: "edge", ...place }));
  } else {
    const place = { cx: one.point[0], cy: one.point[1], r: 9 };
    group.append(shape("circle", { class: "rim", ...place }), shape("circle", { class: "dot", ...place }));
  }
  return group;
}

function namesOf(data, labels, size, scale) {
  const group = shape("g", { class: "labels " + (size ? "large" : "small"), transform: "scale(" + scale + ")" });
  for (const label of labels) {
    if (!label.leader) continue;
    const [x1, y1, x2, y2] = label.leader;
    const line = shape("line", { class: "leader label", "data-regions": label.key, x1, y1, x2, y2 });
    line.style.setProperty("--region", data.regions[label.key].colour);
    group.appendChild(line);
  }
  for (const label of labels) {
    const region = data.regions[label.key];
    const named = shape("g", { class: "label", "data-regions": label.key });
    named.style.setProperty("--region", region.colour);
    named.style.setProperty("--region-ink", region.ink);
    named.append(...chipOf(label, region.signs));
    group.appendChild(named);
  }
  return group;
}

// A name on its ground, and the signs of the verdicts about it.
function chipOf(label, signs) {
  const [x, y, width, height] = label.place;
  const font = label.font;
  const ground = shape("rect", { x, y, width, height, rx: 0.28 * font });
  const at = { x: x + 0.36 * font, y: y + 1.08 * font, "font-size": font };
  const text = shape("text", { ...at, textLength: Math.max(label.text_width, 0.1), lengthAdjust: "spacingAndGlyphs" }, label.text);
  const drawn = signs.map((status, k) => {
    const left = x + width - font * (1.2 * (signs.length - k) + 0.12);
    return shape("use", { href: "#sign-" + status, x: left, y: y + 0.175 * font, width: 1.1 * font, height: 1.1 * font });
  });
  return [ground, text, ...drawn];
}

// What decided a claim: a contour, and measured distances with their lengths.
function measureOf(measure, scales) {
  const group = shape("g", { class: "measure", "data-claim": measure.claim });
  if (measure.contour) {
    group.appendChild(shape("path", { class: "contour", d: measure.contour }));
    group.appendChild(shape("path", { class: "contour core", d: measure.contour }));
  }
  for (const line of measure.lines) {
    const [x1, y1, x2, y2] = line.ends;
    const d = "M" + x1 + " " + y1 + "L" + x2 + " " + y2;
    group.appendChild(shape("path", { class: "line", d }));
    group.appendChild(shape("path", { class: line.is_dashed ? "line core dashed" : "line core", d }));
    group.appendChild(shape("circle", { class: "end", cx: x1, cy: y1, r: 6 }));
    group.appendChild(shape("circle", { class: "end", cx: x2, cy: y2, r: 6 }));
  }
  measure.labels.forEach((labels, size) => {
    const numbers = shape("g", { class: "labels " + (size ? "large" : "small"), transform: "scale(" + scales[size] + ")" });
    for (const label of labels) {
      const number = shape("g", { class: "number" });
      number.append(...chipOf(label, []));
      numbers.appendChild(number);
    }
    group.appendChild(numbers);
  });
  return group;
}
