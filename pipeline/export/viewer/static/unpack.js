// From the packed text of a frame to its points; pipeline/export/viewer/points.py describes the format.

function inflated(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer().then((buffer) => new Uint8Array(buffer));
}

function depthOfLevel(depth, level) {
  const share = level / 65535;
  if (depth.linear) return depth.least + share * (depth.largest - depth.least);
  return depth.least * Math.pow(depth.largest / depth.least, share);
}

function edgeOfCode(code) {
  return code ? Math.pow(10, -4 * (1 - (code - 1) / 254)) : 0;
}

// Points of a frame: pixels u, v, depth z, positions x, y, z in its space, colours, regions (-1 for none), errors
// beside steps, and confidence or null.
function unpackedPoints(frame) {
  return inflated(frame.points).then((bytes) => {
    const count = frame.count;
    const plane = (k) => bytes.subarray(k * count, (k + 1) * count);
    const planes = [];
    for (let k = 0; k < 12; k++) planes.push(plane(k));
    const points = {
      count: count,
      u: new Uint16Array(count),
      v: new Uint16Array(count),
      z: new Float64Array(count),
      positions: new Float64Array(3 * count),
      colours: new Uint8Array(3 * count),
      regions: new Int32Array(count),
      edges: new Float64Array(count),
      confidence: frame.confidence ? plane(12) : null,
    };
    let pixel = -1;
    let level = 0;
    const colour = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      pixel += planes[0][i] + 256 * planes[1][i] + 65536 * planes[2][i] + 16777216 * planes[3][i];
      points.v[i] = Math.floor(pixel / frame.width);
      points.u[i] = pixel - points.v[i] * frame.width;
      const folded = planes[4][i] + 256 * planes[5][i];
      level = (level + (folded % 2 ? -(folded + 1) / 2 : folded / 2) + 65536) % 65536;
      points.z[i] = depthOfLevel(frame.depth, level);
      for (let k = 0; k < 3; k++) {
        colour[k] = (colour[k] + planes[6 + k][i]) % 256;
        points.colours[3 * i + k] = colour[k];
      }
      points.regions[i] = planes[9][i] + 256 * planes[10][i] - 1;
      points.edges[i] = edgeOfCode(planes[11][i]);
      const position = inSpace(frame, onRay(frame, points.u[i], points.v[i], points.z[i]));
      points.positions.set(position, 3 * i);
    }
    return points;
  });
}

// The point of a pixel in the camera frame.
function onRay(frame, u, v, z) {
  const [fx, fy, cx, cy] = frame.camera;
  return [((u - cx) / fx) * z, ((v - cy) / fy) * z, z];
}

// A direction of the camera frame in the frame's space.
function turned(frame, way) {
  return frame.pose.slice(0, 3).map((row) => row[0] * way[0] + row[1] * way[1] + row[2] * way[2]);
}

// A point of the camera frame in the frame's space.
function inSpace(frame, point) {
  return turned(frame, point).map((number, axis) => number + frame.pose[axis][3]);
}
