// Colours of points by their depth, region or error.

// Every tenth of matplotlib's viridis (CC0), which colour-blind people can read.
const VIRIDIS = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
  [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37],
];
const NO_REGION = [150, 150, 150];

function viridis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return [0, 1, 2].map((k) => VIRIDIS[low][k] + (place - low) * (VIRIDIS[low + 1][k] - VIRIDIS[low][k]));
}

function viridisGradient() {
  return "linear-gradient(to right, " + VIRIDIS.map((stop) => "rgb(" + stop.join(",") + ")").join(", ") + ")";
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

// Ranges of the colour scales over all points that are shown; depth and error are read as logarithms.
function colourRanges(parts) {
  const depths = [];
  const errors = [];
  for (const { frame, points } of parts) {
    const step = Math.max(1, Math.floor((points.count * parts.length) / 20000));
    for (let i = 0; i < points.count; i += step) {
      depths.push(points.z[i]);
      errors.push(depthError(frame, points.z[i], points.edges[i]));
    }
  }
  return { depth: percentiles(depths, [0.01, 0.99]), error: percentiles(errors, [0.01, 0.99]) };
}

function shareBetween([low, high], value) {
  return high > low && low > 0 ? Math.log(value / low) / Math.log(high / low) : 0.5;
}

// Red, green and blue of point i, from 0 to 255.
function colourOfPoint(mode, part, i, regions, ranges) {
  const { frame, points } = part;
  if (mode === "depth") return viridis(1 - shareBetween(ranges.depth, points.z[i]));
  if (mode === "region") {
    const region = regions[points.regions[i]];
    return region ? region.colour : NO_REGION;
  }
  if (mode === "error") {
    if (points.confidence) return viridis(points.confidence[i] / 255);
    return viridis(shareBetween(ranges.error, depthError(frame, points.z[i], points.edges[i])));
  }
  return [points.colours[3 * i], points.colours[3 * i + 1], points.colours[3 * i + 2]];
}
