// What is shown: the data of a result, see pipeline/serve/workbench/data.py, or a scene before any result.

// A scene in the form of a result without claims. Frames: photo (address), and name, width and height where known.
function sceneData(scene) {
  const frames = (scene.frames || []).map((frame, index) => ({
    index: index,
    name: frame.name || "",
    width: frame.width || 0,
    height: frame.height || 0,
    photo: frame.photo,
    depth: null,
    drawing: null,
  }));
  return { id: null, scene: scene.id || null, frames: frames, more_frames: 0, regions: [], objects: [], claims: [], view: null };
}

// The data with the depth of other data about the same scene.
function withDepth(data, other) {
  const parts = ["depth", "kind", "kind_text", "ends_m", "has_holes", "is_empty"];
  const frames = data.frames.map((frame) => {
    const found = other.frames.find((one) => one.index === frame.index);
    if (!found) return frame;
    const sized = { ...frame, width: frame.width || found.width, height: frame.height || found.height };
    for (const part of parts) sized[part] = found[part];
    return sized;
  });
  return { ...data, frames: frames, view: data.view || other.view };
}

// Whether two results show the same pixels; a scene before any result knows no more than the sizes of its frames.
function isSameScene(one, other) {
  if (!one || !other || !one.frames.length || one.frames.length !== other.frames.length) return false;
  if (one.scene && one.scene === other.scene) return true;
  return one.frames.every((frame, k) => {
    const next = other.frames[k];
    if (frame.sha256 && next.sha256) return frame.sha256 === next.sha256;
    return !frame.width || !next.width || (frame.width === next.width && frame.height === next.height);
  });
}

function fetched(address, headers) {
  return fetch(address, { credentials: "same-origin", headers: { Accept: "application/json", ...headers } }).then((answer) => {
    if (!answer.ok) throw new Error("HTTP " + answer.status);
    return answer.json();
  });
}

// Loads a script or a style sheet once.
const loaded = new Map();
function load(address) {
  if (!loaded.has(address)) {
    loaded.set(
      address,
      new Promise((resolve, reject) => {
        const isStyle = address.split("?")[0].endsWith(".css");
        const tag = make(isStyle ? "link" : "script");
        if (isStyle) Object.assign(tag, { rel: "stylesheet", href: address });
        else Object.assign(tag, { src: address, async: true });
        tag.addEventListener("load", () => resolve());
        tag.addEventListener("error", () => {
          loaded.delete(address);
          tag.remove();
          reject(new Error(address));
        });
        document.head.appendChild(tag);
      }),
    );
  }
  return loaded.get(address);
}
