// Colours of points by their depth, region or error.

// Every tenth of matplotlib's viridis (CC0), which colour-blind people can read.
const VIRIDIS = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
  [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37],
];
// Every tenth of matplotlib's plasma (CC0), as in the pictures of depth.
const PLASMA = [
  [13, 8, 135], [65, 4, 157], [106, 0, 168], [143, 13, 164], [177, 42, 144], [204, 71, 120],
  [225, 100, 98], [242, 132, 75], [252, 166, 54], [252, 206, 37], [240, 249, 33],
];
const NO_REGION = [150, 150, 150];

function colourAt(stops, share) {
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  return [0, 1, 2].map((k) => stops[low][k] + (place - low) * (stops[low + 1][k] - stops[low][k]));
}

function gradient(stops) {
  return "linear-gradient(to right, " + stops.map((stop) => "rgb(" + stop.join(",") + ")").join(", ") + ")";
}

function percentiles(values, shares) {
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => (sorted.length ? sorted[Math.round(share * (sorted.length - 1))] : 0));
}

// Error of the depth of a point, as a fraction of z.
function depthError(frame, z, edge) {
  const errors = frame.errors;
  return Math.hypot(errors.relative + errors.relative_per_m * z, errors.pixel + errors.pixel_per_m * z, edge);
}

// Range of the colours of errors over all points that are shown, read as logarithms.
function errorRange(parts) {
  const errors = [];
  for (const { frame, points } of parts) {
    const step = Math.max(1, Math.floor((points.count * parts.length) / 20000));
    for (let i = 0; i < points.count; i += step) errors.push(depthError(frame, points.z[i], points.edges[i]));
  }
  return percentiles(errors, [0.01, 0.99]);
}

// From 0 at the far end to 1 at the near one; the z of a relief is made so that this is its order.
function nearness(frame, z) {
  return frame.relief ? 2 / z - 1 : 1 - shareBetween(frame.ends, z);
}

function shareBetween([low, high], value) {
  return high > low && low > 0 ? Math.log(value / low) / Math.log(high / low) : 0.5;
}

// Red, green and blue of point i, from 0 to 255.
function colourOfPoint(mode, part, i, regions, range) {
  const { frame, points } = part;
  if (mode === "depth") return colourAt(PLASMA, nearness(frame, points.z[i]));
  if (mode === "region") {
    const region = regions[points.regions[i]];
    return region ? region.colour : NO_REGION;
  }
  if (mode === "error") {
    if (points.confidence) return colourAt(VIRIDIS, points.confidence[i] / 255);
    return colourAt(VIRIDIS, shareBetween(range, depthError(frame, points.z[i], points.edges[i])));
  }
  return [points.colours[3 * i], points.colours[3 * i + 1], points.colours[3 * i + 2]];
}
