// Points on the graphics processor, and the search for the point at a pixel.

// Largest size of a drawn point.
const LARGEST_PX = 32;
const VERTEX = `
attribute vec4 tint;
attribute float reach;
uniform float size;
uniform vec3 background;
varying vec3 colour;
void main() {
  vec4 seen = modelViewMatrix * vec4(position, 1.0);
  gl_Position = projectionMatrix * seen;
  gl_PointSize = clamp(size * reach / -seen.z, 1.0, ${LARGEST_PX}.0);
  colour = mix(background, tint.rgb, tint.a);
}`;
const FRAGMENT = `
varying vec3 colour;
void main() { gl_FragColor = vec4(colour, 1.0); }`;
const FADED = 40;
// A click takes the nearest of the points that cover it, unless one lies in front by more than this share.
const SAME_SURFACE = 0.03;
const EXACT_PX = 0.75;
// Where points are drawn larger than this, those behind them are hidden whatever their distance to the click.
const SMALL_PX = 6;
const SEARCH_PX = LARGEST_PX / 2;
// Farthest point that a click beside all points takes.
const BESIDE_PX = 12;

function cloudMaterial() {
  return new THREE.ShaderMaterial({
    vertexShader: VERTEX,
    fragmentShader: FRAGMENT,
    uniforms: { size: { value: 2 }, background: { value: new THREE.Color(1, 1, 1) } },
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
  Object.assign(part, { drawn, reach });
  part.tints = new Uint8Array(4 * points.count);
  geometry.setAttribute("position", new THREE.BufferAttribute(drawn, 3));
  geometry.setAttribute("reach", new THREE.BufferAttribute(reach, 1));
  geometry.setAttribute("tint", new THREE.BufferAttribute(part.tints, 4, true));
  const cloud = new THREE.Points(geometry, material);
  cloud.frustumCulled = false;
  return cloud;
}

function colourCloud(part, mode, regions, range) {
  for (let i = 0; i < part.points.count; i++) {
    const colour = colourOfPoint(mode, part, i, regions, range);
    for (let k = 0; k < 3; k++) part.tints[4 * i + k] = colour[k];
  }
  part.cloud.geometry.attributes.tint.needsUpdate = true;
}

// Fades all points but those of the bright regions; none where there are no such.
function fadeCloud(part, bright) {
  for (let i = 0; i < part.points.count; i++) {
    part.tints[4 * i + 3] = !bright || bright.has(part.points.regions[i]) ? 255 : FADED;
  }
  part.cloud.geometry.attributes.tint.needsUpdate = true;
}

// Side of the square that a point is drawn as [CSS px].
function drawnSize(part, i, depth, pointSize) {
  return Math.min(Math.max((pointSize * part.reach[i]) / depth, 1), LARGEST_PX);
}

// The point that is drawn at a pixel [CSS px] of the canvas, as { part, i }, or null.
function pointAt(view, parts, x, y, pointSize) {
  const matrix = view.camera.matrixWorldInverse.elements;
  const [acrossRow, upRow, backRow] = [0, 1, 2].map((k) => [matrix[k], matrix[k + 4], matrix[k + 8], matrix[k + 12]]);
  const focal = view.focal;
  const [middleX, middleY] = [view.size[0] / 2, view.size[1] / 2];
  const found = [];
  for (const part of parts) {
    const at = part.drawn;
    for (let i = 0; i < part.points.count; i++) {
      const along = (row) => row[0] * at[3 * i] + row[1] * at[3 * i + 1] + row[2] * at[3 * i + 2] + row[3];
      const depth = -along(backRow);
      if (!(depth > view.camera.near)) continue;
      const beside = Math.abs(middleX + (focal * along(acrossRow)) / depth - x);
      if (beside > SEARCH_PX) continue;
      const above = Math.abs(middleY - (focal * along(upRow)) / depth - y);
      if (above > SEARCH_PX) continue;
      const away = Math.hypot(beside, above);
      found.push({ part, i, depth, away, cover: Math.max(beside, above), size: drawnSize(part, i, depth, pointSize) });
    }
  }
  const nearest = (items) => items.reduce((best, item) => (item.away < best.away ? item : best));
  const covering = found.filter((item) => item.cover <= Math.max(item.size / 2, EXACT_PX));
  const exact = covering.filter((item) => item.away <= EXACT_PX);
  const isFine = covering.every((item) => item.size <= SMALL_PX);
  const near = exact.length && isFine ? exact : covering;
  if (!near.length) {
    const beside = found.filter((item) => item.away <= BESIDE_PX);
    return beside.length ? nearest(beside) : null;
  }
  const front = near.reduce((least, item) => Math.min(least, item.depth), Infinity);
  return nearest(near.filter((item) => item.depth <= front * (1 + SAME_SURFACE)));
}
