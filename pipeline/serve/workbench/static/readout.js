// The depth under the pointer, read from the points of the 3D view.

// Pixels beyond which no point tells the depth of a pixel, in spacings of the points.
const READ_SPACINGS = 2;

class DepthReader {
  constructor(frame, points) {
    this.frame = frame;
    this.points = points;
    this.cell = Math.max(2, Math.ceil(Math.sqrt((frame.width * frame.height) / Math.max(1, points.count)) * 2));
    this.columns = Math.ceil(frame.width / this.cell);
    this.cells = new Map();
    for (let i = 0; i < points.count; i++) {
      const key = this.key(Math.floor(points.u[i] / this.cell), Math.floor(points.v[i] / this.cell));
      const found = this.cells.get(key);
      if (found) found.push(i);
      else this.cells.set(key, [i]);
    }
    this.reach = Math.max(2, READ_SPACINGS * Math.sqrt(frame.total / Math.max(1, frame.count)));
    this.sorted = Float64Array.from(points.z).sort();
  }

  key(column, row) {
    return row * this.columns + column;
  }

  // The point nearest to a pixel, or -1.
  at(u, v) {
    const { points, cell } = this;
    let [best, least] = [-1, this.reach * this.reach];
    const [column, row] = [Math.floor(u / cell), Math.floor(v / cell)];
    for (let y = row - 1; y <= row + 1; y++) {
      for (let x = column - 1; x <= column + 1; x++) {
        if (x < 0 || x >= this.columns) continue;
        for (const i of this.cells.get(this.key(x, y)) || []) {
          const apart = (points.u[i] - u) ** 2 + (points.v[i] - v) ** 2;
          if (apart <= least) [best, least] = [i, apart];
        }
      }
    }
    return best;
  }

  // What is known of the depth of a pixel: a length, or, where depth has no shape, the share that is farther away.
  text(words, u, v) {
    const i = this.at(u, v);
    if (i < 0) return words.no_depth;
    const z = this.points.z[i];
    if (!this.frame.relief) {
      const depth = window.Theodolite.depthText(words.viewer, this.frame, z, this.points.edges[i]);
      return fill(words.depth_at, { depth: depth });
    }
    let [low, high] = [0, this.sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sorted[middle] <= z) low = middle + 1;
      else high = middle;
    }
    return fill(words.nearer_than, { share: Math.round((100 * (this.sorted.length - low)) / this.sorted.length) });
  }
}
