// Boxes, cameras, measured lines and contours, drawn over the points as plain lines.

// Corners of a box of eight differ in one of three bits along an edge; four corners are a rectangle.
const BOX_EDGES = [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]];
const RECTANGLE_EDGES = [[0, 1], [1, 2], [2, 3], [3, 0]];
const CAMERA_SHARE = 0.12;

function edgesOf(corners) {
  const edges = corners.length === 4 ? RECTANGLE_EDGES : BOX_EDGES;
  return edges.map(([one, other]) => [corners[one], corners[other]]);
}

// Edges of the pyramid from a camera to its image at a depth, in the camera frame.
function pyramidOf(frame, depth) {
  const [left, top, right, bottom] = [-0.5, -0.5, frame.width - 0.5, frame.height - 0.5];
  const places = [[left, top], [right, top], [right, bottom], [left, bottom]];
  const corners = places.map(([u, v]) => onRay(frame, u, v, depth));
  return [...edgesOf(corners), ...corners.map((corner) => [[0, 0, 0], corner])];
}

// What is drawn of the frames in view: items with segments in drawn units, each with what it belongs to.
function overlayItems(data, parts, unit, depth) {
  const items = [];
  const byIndex = new Map(parts.map((part) => [part.frame.index, part.frame]));
  const place = (frame, point) => inSpace(frame, point).map((number) => number / unit);
  const placed = (frame, edges) => edges.map((edge) => edge.map((point) => place(frame, point)));
  for (const { frame } of parts) {
    if (frame.relief) continue;
    const own = CAMERA_SHARE * depth;
    const segments = placed(frame, pyramidOf(frame, own * unit));
    items.push({ kind: "camera", segments, apex: place(frame, [0, 0, 0]), depth: own });
  }
  data.regions.forEach((region, index) => {
    const frame = byIndex.get(region.frame);
    // Where frames are shown together, an object has one box.
    if (!frame || (region.repeated && parts.length > 1)) return;
    for (const [key, dashed] of [["given", true], ["corners", false]]) {
      if (!region[key]) continue;
      const segments = placed(frame, edgesOf(region[key]));
      const at = region[key].reduce((best, corner) => {
        const here = place(frame, corner);
        return !best || dot(here, frame.up) > dot(best, frame.up) ? here : best;
      }, null);
      const label = dashed ? "" : region.name;
      items.push({ kind: "box", region: index, segments, dashed, at, colour: region.colour, label });
    }
  });
  const isShown = (line) => line.kind === "distance" && !line.dashed && byIndex.has(line.frame);
  // Without a selection a length does not say what it is of, unless there is one only.
  const isOnly = data.claims.filter((claim) => claim.lines.some(isShown)).length === 1;
  data.claims.forEach((claim, index) => {
    for (const line of claim.lines) {
      const frame = byIndex.get(line.frame);
      if (!frame) continue;
      const segments = placed(frame, [[line.from, line.to]]);
      const always = isOnly && isShown(line);
      const at = segments[0][0].map((number, axis) => (number + segments[0][1][axis]) / 2);
      const item = { kind: "line", claim: index, segments, dashed: line.dashed, at, label: line.text, always };
      items.push({ ...item, title: claim.text });
    }
    for (const contour of claim.contours) {
      const frame = byIndex.get(contour.frame);
      if (!frame) continue;
      items.push({ kind: "contour", claim: index, dots: contour.points.map((point) => place(frame, point)) });
    }
  });
  return items;
}

// Draws segments, clipped in front of the camera, with a halo that sets them off from the points.
class Pen {
  constructor(canvas, view) {
    this.context = canvas.getContext("2d");
    this.canvas = canvas;
    this.view = view;
  }

  clear(ratio) {
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  // The two ends on the screen, or null where the segment is behind the camera.
  clipped([start, end]) {
    const view = this.view;
    const near = view.camera.near;
    const [one, other] = [view.project(start), view.project(end)];
    if (one.depth < near && other.depth < near) return null;
    const cut = (inside, outside, from, to) => {
      const share = (near - outside.depth) / (inside.depth - outside.depth);
      return view.project(from.map((number, axis) => number + share * (to[axis] - number)));
    };
    if (one.depth < near) return [cut(other, one, start, end), other];
    if (other.depth < near) return [one, cut(one, other, end, start)];
    return [one, other];
  }

  stroke(segments, colour, halo, width, dashed) {
    const context = this.context;
    context.beginPath();
    for (const segment of segments) {
      const ends = this.clipped(segment);
      if (!ends) continue;
      context.moveTo(ends[0].x, ends[0].y);
      context.lineTo(ends[1].x, ends[1].y);
    }
    context.lineCap = "round";
    context.setLineDash(dashed ? [width * 2.5, width * 2.5] : []);
    if (halo) {
      context.strokeStyle = halo;
      context.lineWidth = width + 2;
      context.stroke();
    }
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }

  dots(points, colour, halo, radius) {
    const context = this.context;
    context.setLineDash([]);
    for (const [fill, size] of [[halo, radius + 1], [colour, radius]]) {
      context.beginPath();
      for (const point of points) {
        const { x, y, depth } = this.view.project(point);
        if (depth < this.view.camera.near) continue;
        context.moveTo(x + size, y);
        context.arc(x, y, size, 0, 2 * Math.PI);
      }
      context.fillStyle = fill;
      context.fill();
    }
  }
}

function css(colour, alpha) {
  return "rgba(" + colour.map(Math.round).join(",") + "," + alpha + ")";
}

// Contours are finer where the whole picture is small.
function contourRadius(view) {
  return view.size[0] < 500 ? 1.25 : 1.75;
}

// A pyramid around the eye is not seen as one.
function isSeen(view, item) {
  const { x, y, z } = view.camera.position;
  const away = minus(item.apex, [x, y, z]);
  return view.project(item.apex).depth > view.camera.near && Math.sqrt(dot(away, away)) > 1.5 * item.depth;
}

// Draws the items; a selection is { regions: Set, claim } or null.
function drawOverlay(pen, items, shown, selection, theme) {
  for (const item of items) {
    if (item.kind === "camera" && shown.cameras && isSeen(pen.view, item)) {
      pen.stroke(item.segments, theme.muted, null, 1, false);
    }
    if (item.kind === "box" && shown.boxes) {
      const isBright = !selection || selection.regions.has(item.region);
      // What a model gave is compared with what is measured only where it is asked for.
      if (item.dashed && !(selection && isBright)) continue;
      const halo = isBright ? theme.halo : null;
      pen.stroke(item.segments, css(item.colour, isBright ? 1 : 0.25), halo, isBright ? 1.75 : 1, item.dashed);
    }
  }
  for (const item of items) {
    const isChosen = selection && selection.claim === item.claim;
    if (item.kind === "contour" && isChosen) pen.dots(item.dots, theme.accent, theme.halo, contourRadius(pen.view));
    if (item.kind === "line" && (isChosen || (!selection && item.always))) {
      pen.stroke(item.segments, theme.accent, theme.halo, isChosen ? 2.5 : 1.5, item.dashed);
      pen.dots(item.segments[0], theme.accent, theme.halo, isChosen ? 4 : 2.5);
    }
  }
}
