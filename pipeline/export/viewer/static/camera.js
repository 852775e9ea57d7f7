// Where the viewer looks from: a target, a distance and an orientation, moved as on a turntable around up.

const LEAST_POLE_ANGLE = 0.03;

// Points beyond these percentiles, along any axis, do not count for what a view frames.
const FRAMED_SHARES = [0.01, 0.99];
// A view frames at most so many extents of what surrounds regions, so that a far background leaves them visible.
const MOST_FRAMED = 4;
// Space around what a view frames [CSS px], for names above boxes.
const FRAME_MARGIN_PX = 30;

// Extents of what surrounds regions that are worth looking at, as multiples of theirs, and as shares of all.
const AROUND_REGIONS = 1.8;
const LEAST_OF_ALL = 0.35;
const FEWEST_OF_REGIONS = 50;

// Extent of points in the axes right, up and forward of the first frame of a view, without their outermost 2 %; that of
// the regions' points where there are enough.
function surroundingsOf(parts, unit) {
  const frame = parts[0].frame;
  const up = new THREE.Vector3(...frame.up).normalize();
  const forward = new THREE.Vector3(...turned(frame, [0, 0, 1]));
  forward.addScaledVector(up, -forward.dot(up));
  if (forward.lengthSq() < 1e-6) forward.set(...turned(frame, [0, 1, 0]));
  forward.normalize();
  const right = new THREE.Vector3().crossVectors(forward, up).normalize();
  const axes = [right, up, forward];
  const places = axes.map(() => []);
  const own = axes.map(() => []);
  const depths = [];
  for (const { points } of parts) {
    const step = Math.max(1, Math.floor((points.count * parts.length) / 8000));
    for (let i = 0; i < points.count; i += step) {
      axes.forEach((axis, k) => {
        const at = points.positions.subarray(3 * i, 3 * i + 3);
        const place = (axis.x * at[0] + axis.y * at[1] + axis.z * at[2]) / unit;
        places[k].push(place);
        if (points.regions[i] >= 0) own[k].push(place);
      });
    }
  }
  for (let i = 0; i < parts[0].points.count; i += 8) depths.push(parts[0].points.z[i] / unit);
  const centre = new THREE.Vector3();
  const halves = places.map((values, k) => {
    const [low, high] = percentiles(values, [0.02, 0.98]);
    const [first, last] = own[k].length < FEWEST_OF_REGIONS ? [low, high] : percentiles(own[k], [0.02, 0.98]);
    centre.addScaledVector(axes[k], (first + last) / 2);
    const all = (high - low) / 2;
    const wanted = Math.max((AROUND_REGIONS * (last - first)) / 2, LEAST_OF_ALL * all);
    return Math.max(Math.min(all, wanted), 1e-6);
  });
  return { right, up, forward, centre, halves, depth: percentiles(depths, [0.5])[0], radius: Math.hypot(...halves) };
}

// What the views from above and from the side must show, in drawn units: points but for outliers, and all items.
function framedPoints(parts, around, items) {
  const axes = [around.right, around.up, around.forward];
  const wanted = [];
  for (const item of items) {
    if (item.segments) wanted.push(...item.segments.flat());
    if (item.dots) wanted.push(...item.dots);
  }
  const sampled = [];
  for (const { drawn, points } of parts) {
    const step = Math.max(1, Math.floor((points.count * parts.length) / 8000));
    for (let i = 0; i < points.count; i += step) sampled.push(Array.from(drawn.subarray(3 * i, 3 * i + 3)));
  }
  const along = (axis, point) => axis.x * point[0] + axis.y * point[1] + axis.z * point[2];
  const limits = axes.map((axis, k) => {
    const [low, high] = percentiles(sampled.map((point) => along(axis, point)), FRAMED_SHARES);
    const middle = along(axis, around.centre.toArray());
    const most = MOST_FRAMED * Math.max(...around.halves);
    return [Math.max(low, middle - most), Math.min(high, middle + most), k];
  });
  const isNear = (point) => limits.every(([low, high, k]) => along(axes[k], point) >= low && along(axes[k], point) <= high);
  return [...wanted, ...sampled.filter(isNear)];
}

class View {
  constructor() {
    this.wanted = [];
    this.camera = new THREE.PerspectiveCamera(50, 1, 0.01, 100);
    this.target = new THREE.Vector3();
    this.distance = 1;
    this.up = new THREE.Vector3(0, -1, 0);
    this.tangents = [0.5, 0.5];
    this.size = [1, 1];
  }

  // Tangents of the half angles that the camera of a frame sees to the farther side.
  setFrame(frame, around) {
    const [fx, fy, cx, cy] = frame.camera;
    this.tangents = [
      Math.max(cx + 0.5, frame.width - 0.5 - cx) / fx,
      Math.max(cy + 0.5, frame.height - 0.5 - cy) / fy,
    ];
    this.up.copy(around.up);
    this.around = around;
  }

  resize(width, height) {
    this.size = [width, height];
    this.camera.aspect = width / height;
    this.update();
  }

  // Pixels [CSS px] per unit of tangent.
  get focal() {
    return this.size[1] / 2 / Math.tan((this.camera.fov * Math.PI) / 360);
  }

  update() {
    const camera = this.camera;
    const tangent = Math.max(this.tangents[1], this.tangents[0] / camera.aspect);
    camera.fov = (Math.atan(tangent * 1.01) * 360) / Math.PI;
    const back = new THREE.Vector3(0, 0, 1).applyQuaternion(camera.quaternion);
    camera.position.copy(this.target).addScaledVector(back, this.distance);
    const reach = this.around ? camera.position.distanceTo(this.around.centre) + 20 * this.around.radius : 100;
    camera.near = Math.max(this.distance * 0.01, reach * 1e-5);
    camera.far = reach;
    camera.updateProjectionMatrix();
    camera.updateMatrixWorld();
  }

  // Where it looks from, for another view of the same points.
  eye() {
    return { quaternion: this.camera.quaternion.clone(), target: this.target.clone(), distance: this.distance };
  }

  setEye(eye) {
    this.camera.quaternion.copy(eye.quaternion);
    this.target.copy(eye.target);
    this.distance = eye.distance;
    this.update();
  }

  look(eye, way, up, distance) {
    const matrix = new THREE.Matrix4().lookAt(new THREE.Vector3(), way, up);
    this.camera.quaternion.setFromRotationMatrix(matrix);
    this.distance = distance;
    this.target.copy(eye).addScaledVector(way, distance);
    this.update();
  }

  preset(name, frame, unit) {
    const around = this.around;
    if (name === "camera") {
      const eye = new THREE.Vector3(...inSpace(frame, [0, 0, 0])).divideScalar(unit);
      const way = new THREE.Vector3(...turned(frame, [0, 0, 1]));
      this.look(eye, way, new THREE.Vector3(...turned(frame, [0, -1, 0])), around.depth);
      return;
    }
    const top = name === "top";
    this.frame((top ? around.up : around.right).clone().negate(), top ? around.forward : around.up);
  }

  // Look along a way from where all wanted points are within the picture, and no farther than that needs.
  frame(way, up) {
    const right = new THREE.Vector3().crossVectors(way, up).normalize();
    const above = new THREE.Vector3().crossVectors(right, way);
    const room = (size) => Math.max(size - 2 * Math.min(FRAME_MARGIN_PX, 0.15 * size), 1);
    const tangents = this.size.map((size) => room(size) / 2 / this.focal);
    // A point at (x, toward) is seen from (at, distance) where |x - at| <= tangent (distance - toward).
    const most = [[-Infinity, -Infinity], [-Infinity, -Infinity]];
    const towards = [];
    const own = new THREE.Vector3();
    for (const point of this.wanted) {
      own.set(...point);
      const toward = -own.dot(way);
      towards.push(toward);
      [own.dot(right), own.dot(above)].forEach((place, k) => {
        most[k][0] = Math.max(most[k][0], place + tangents[k] * toward);
        most[k][1] = Math.max(most[k][1], -place + tangents[k] * toward);
      });
    }
    const away = Math.max(...most.map(([plus, minus], k) => (plus + minus) / 2 / tangents[k]));
    const [x, y] = most.map(([plus, minus]) => (plus - minus) / 2);
    const [middle] = percentiles(towards, [0.5]);
    const distance = Math.max(away - middle, 1e-6);
    const eye = right.multiplyScalar(x).addScaledVector(above, y).addScaledVector(way, -away);
    this.look(eye, way, up, distance);
  }

  // Turn around the target by angles [rad].
  orbit(yaw, pitch) {
    const quaternion = this.camera.quaternion;
    const back = new THREE.Vector3(0, 0, 1).applyQuaternion(quaternion);
    const pole = Math.acos(Math.min(Math.max(back.dot(this.up), -1), 1));
    const right = new THREE.Vector3(1, 0, 0).applyQuaternion(quaternion);
    const limited = Math.min(Math.max(pole + pitch, LEAST_POLE_ANGLE), Math.PI - LEAST_POLE_ANGLE) - pole;
    quaternion.premultiply(new THREE.Quaternion().setFromAxisAngle(right, limited));
    quaternion.premultiply(new THREE.Quaternion().setFromAxisAngle(this.up, yaw));
    quaternion.normalize();
    this.update();
  }

  // Move by pixels [CSS px]; what lies at the distance of the target follows the pointer.
  pan(x, y) {
    const step = this.distance / this.focal;
    const quaternion = this.camera.quaternion;
    this.target.addScaledVector(new THREE.Vector3(1, 0, 0).applyQuaternion(quaternion), -x * step);
    this.target.addScaledVector(new THREE.Vector3(0, 1, 0).applyQuaternion(quaternion), y * step);
    this.update();
  }

  zoom(factor) {
    const radius = this.around ? this.around.radius : 1;
    this.distance = Math.min(Math.max(this.distance * factor, radius * 1e-3), radius * 30);
    this.update();
  }

  // Pixel [CSS px] and depth of a point in drawn units; depth is not positive behind the camera.
  project(point) {
    const own = new THREE.Vector3(...point).applyMatrix4(this.camera.matrixWorldInverse);
    const focal = this.focal;
    return {
      x: this.size[0] / 2 - (focal * own.x) / own.z,
      y: this.size[1] / 2 + (focal * own.y) / own.z,
      depth: -own.z,
    };
  }
}
