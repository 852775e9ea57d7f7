// The distance of two points with its 95 % interval; pipeline/geometry/two_points.py derives the formula.

const Z_95 = 1.96;

function dot(one, other) {
  return one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
}

function minus(one, other) {
  return [one[0] - other[0], one[1] - other[1], one[2] - other[2]];
}

function times(factor, way) {
  return [factor * way[0], factor * way[1], factor * way[2]];
}

// A point of a depth map as the formula needs it; u, v, z and edge are those of unpacked points.
function pixelPoint(frame, u, v, z, edge) {
  const own = onRay(frame, u, v, z);
  const errors = frame.errors;
  return {
    position: inSpace(frame, own),
    offset: turned(frame, own),
    lateral: turned(frame, [own[0], own[1], 0]),
    z: z,
    pixel: [u, v],
    frame: frame,
    smooth: errors.relative + errors.relative_per_m * z,
    own: Math.hypot(errors.pixel + errors.pixel_per_m * z, edge),
  };
}

function correlationOf(first, second) {
  const frame = first.frame;
  const reach = frame.errors.place_share * Math.max(frame.width, frame.height);
  if (frame !== second.frame || !(reach > 0)) return 0;
  const apart = Math.hypot(first.pixel[0] - second.pixel[0], first.pixel[1] - second.pixel[1]);
  return Math.exp(-0.5 * Math.pow(apart / reach, 2));
}

function lengthWithFocal(first, second, error) {
  const lateral = minus(second.lateral, first.lateral);
  return Math.hypot(Math.sqrt(dot(lateral, lateral)) * Math.exp(Z_95 * error), second.z - first.z);
}

function distanceOf(first, second) {
  const between = minus(second.position, first.position);
  const length = Math.sqrt(dot(between, between));
  const along = length > 0 ? times(1 / length, between) : [0, 0, 0];
  const one = first.offset;
  const other = second.offset;
  const shared = correlationOf(first, second) * first.smooth * second.smooth;
  let variance = -2 * shared * dot(along, one) * dot(along, other);
  let trace = -2 * shared * dot(one, other);
  for (const point of [first, second]) {
    const share = point.smooth * point.smooth + point.own * point.own;
    variance += share * Math.pow(dot(along, point.offset), 2);
    trace += share * dot(point.offset, point.offset);
  }
  let [shorter, longer, narrow, wide] = [length, length, length, length];
  if (first.frame === second.frame) {
    const errors = first.frame.errors;
    shorter = length * Math.exp(-Z_95 * errors.scale);
    longer = length * Math.exp(Z_95 * errors.scale);
    narrow = lengthWithFocal(first, second, -errors.focal);
    wide = lengthWithFocal(first, second, errors.focal);
  } else {
    for (const [name, way] of [["scale", "offset"], ["focal", "lateral"]]) {
      const moved = [first, second].map((point) => times(point.frame.errors[name], point[way]));
      const apart = Math.pow(dot(along, moved[0]), 2) + Math.pow(dot(along, moved[1]), 2);
      variance += Math.max(apart, Math.pow(dot(along, minus(moved[1], moved[0])), 2));
      trace += dot(moved[0], moved[0]) + dot(moved[1], moved[1]);
    }
  }
  variance = Math.max(variance, 0);
  const reach = Z_95 * Math.sqrt(variance);
  const across = Z_95 * Math.sqrt(Math.max(trace - variance, 0));
  const low = length - Math.hypot(reach, length - shorter, length - narrow);
  const high = length + Math.hypot(reach, longer - length, wide - length);
  return { length: length, low: Math.max(low, 0), high: Math.hypot(high, across) };
}

// The unit of a length [m], its number per metre and its decimals, as length_text of Python chooses them.
function unitFor(length) {
  const size = Math.abs(length);
  if (size >= 0.995) return { unit: " m", per: 1, decimals: 2 };
  return size >= 0.00995 ? { unit: " cm", per: 100, decimals: 1 } : { unit: " mm", per: 1000, decimals: 1 };
}

function lengthText(length) {
  const { unit, per, decimals } = unitFor(length);
  return (per * length).toFixed(decimals) + unit;
}

// Decimals that an error needs so that it is not rounded away, or by much.
function decimalsFor(error, decimals, most) {
  let needed = decimals;
  while (error > 0 && error < 0.95 * Math.pow(10, -needed) && needed < most) needed++;
  return needed;
}

// A length [m] and its error in one unit, as plus_minus of Python writes them.
function plusMinusText(length, error) {
  const { unit, per, decimals } = unitFor(length);
  // An error halfway between two numbers takes the larger one.
  const own = per * error * (1 + 1e-9);
  const needed = decimalsFor(own, decimals, 4);
  return (per * length).toFixed(needed) + unit + " ± " + own.toFixed(needed) + unit;
}

function filled(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

// A length without unit, of three digits; small and large ones with an exponent.
function plainText(length) {
  return String(Number(length.toPrecision(3)));
}

// A distance in words: with one error where its interval is nearly even, else with its limits, all in one unit.
function distanceText(words, distance, isMetric) {
  const { length, low, high } = distance;
  const { unit, per, decimals } = unitFor(length);
  const text = (value) =>
    isMetric ? (per * value).toFixed(decimals) + unit : filled(words.units, { length: plainText(value) });
  const [below, above] = [length - low, high - length];
  const error = Math.max(above, below);
  const isEven = Math.abs(above - below) <= 0.25 * error && low > 0;
  if (isEven && isMetric) return plusMinusText(length, error);
  if (isEven) return filled(words.units, { length: plainText(length) + " ± " + Number(error.toPrecision(2)) });
  return filled(words.between, { length: text(length), low: text(low), high: text(high) });
}

// The depth z of a point in words, with its 95 % interval where there are metres; edge is that of unpacked points.
function depthText(words, frame, z, edge) {
  const isMetric = frame.kind === "metric";
  const scale = isMetric ? Z_95 * frame.errors.scale : 0;
  const own = Z_95 * depthError(frame, z, edge);
  const low = z * (1 - Math.hypot(own, 1 - Math.exp(-scale)));
  const high = z * (1 + Math.hypot(own, Math.exp(scale) - 1));
  return distanceText(words, { length: z, low: Math.max(low, 0), high: high }, isMetric);
}
