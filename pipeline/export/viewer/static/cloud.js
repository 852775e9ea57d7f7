// Points on the graphics processor, and the search for the point at a pixel.

const VERTEX = `
attribute vec4 tint;
attribute float reach;
uniform float size;
uniform float zoom;
uniform vec3 background;
varying vec3 colour;
void main() {
  vec4 seen = modelViewMatrix * vec4(position, 1.0);
  gl_Position = projectionMatrix * seen;
  gl_PointSize = clamp(size * zoom * reach / -seen.z, 1.0, 32.0);
  colour = mix(background, tint.rgb, tint.a);
}`;
const FRAGMENT = `
varying vec3 colour;
void main() { gl_FragColor = vec4(colour, 1.0); }`;
const FADED = 40;
// A click takes the nearest of the points that cover it, unless one lies in front by more than this share.
const SAME_SURFACE = 0.03;
const EXACT_PX = 0.75;
const SEARCH_PX = 12;

function cloudMaterial() {
  return new THREE.ShaderMaterial({
    vertexShader: VERTEX,
    fragmentShader: FRAGMENT,
    uniforms: { size: { value: 2 }, zoom: { value: 1 }, background: { value: new THREE.Color(1, 1, 1) } },
  });
}

// One object per frame; part.tints holds red, green, blue and how far the point is not faded.
function cloudOf(part, unit, material) {
  const { points } = part;
  const geometry = new THREE.BufferGeometry();
  const drawn = new Float32Array(3 * points.count);
  const reach = new Float32Array(points.count);
  for (let i = 0; i < drawn.length; i++) drawn[i] = points.positions[i] / unit;
  for (let i = 0; i < points.count; i++) reach[i] = points.z[i] / unit;
  part.drawn = drawn;
  part.tints = new Uint8Array(4 * points.count);
  geometry.setAttribute("position", new THREE.BufferAttribute(drawn, 3));
  geometry.setAttribute("reach", new THREE.BufferAttribute(reach, 1));
  geometry.setAttribute("tint", new THREE.BufferAttribute(part.tints, 4, true));
  const cloud = new THREE.Points(geometry, material);
  cloud.frustumCulled = false;
  return cloud;
}

function colourCloud(part, mode, regions, ranges, bright) {
  for (let i = 0; i < part.points.count; i++) {
    const colour = colourOfPoint(mode, part, i, regions, ranges);
    for (let k = 0; k < 3; k++) part.tints[4 * i + k] = colour[k];
    part.tints[4 * i + 3] = !bright || bright.has(part.points.regions[i]) ? 255 : FADED;
  }
  part.cloud.geometry.attributes.tint.needsUpdate = true;
}

// The point that is drawn at a pixel [CSS px] of the canvas, as { part, i }, or null.
function pointAt(view, parts, x, y, pointSize) {
  const matrix = view.camera.matrixWorldInverse.elements;
  const focal = view.focal;
  const [middleX, middleY] = [view.size[0] / 2, view.size[1] / 2];
  const reach = Math.max(pointSize / 2, EXACT_PX);
  const found = [];
  for (const part of parts) {
    const at = part.drawn;
    for (let i = 0; i < part.points.count; i++) {
      const [px, py, pz] = [at[3 * i], at[3 * i + 1], at[3 * i + 2]];
      const depth = -(matrix[2] * px + matrix[6] * py + matrix[10] * pz + matrix[14]);
      if (!(depth > view.camera.near)) continue;
      const beside = Math.abs(middleX + (focal * (matrix[0] * px + matrix[4] * py + matrix[8] * pz + matrix[12])) / depth - x);
      if (beside > SEARCH_PX) continue;
      const above = Math.abs(middleY - (focal * (matrix[1] * px + matrix[5] * py + matrix[9] * pz + matrix[13])) / depth - y);
      if (above > SEARCH_PX) continue;
      const away = Math.hypot(beside, above);
      if (away <= SEARCH_PX) found.push({ part, i, depth, away, cover: Math.max(beside, above) });
    }
  }
  const nearest = (items) => items.reduce((best, item) => (item.away < best.away ? item : best));
  for (const isNear of [(item) => item.away <= EXACT_PX, (item) => item.cover <= reach]) {
    const near = found.filter(isNear);
    if (!near.length) continue;
    const front = near.reduce((least, item) => Math.min(least, item.depth), Infinity);
    return nearest(near.filter((item) => item.depth <= front * (1 + SAME_SURFACE)));
  }
  return found.length ? nearest(found) : null;
}
