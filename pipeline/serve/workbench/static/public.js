// The global object of the page, which keeps its listeners and results where it is mounted again.

const SCRIPT = document.currentScript;
const BASE = SCRIPT && SCRIPT.src ? new URL(".", SCRIPT.src).href : "/static/workbench/";

function addressOf(id) {
  return "/v1/results/" + encodeURIComponent(id) + "/workbench.json";
}

function publicWorkbench() {
  const listeners = { select: [], box: [], points: [], frame: [], show: [] };
  let memory = { results: new Map(), data: null };
  let current = null;
  let mounted;
  let isMounted = new Promise((resolve) => (mounted = resolve));

  function emit(name, value) {
    for (const action of [...listeners[name]]) action(value);
  }
  // Calls that come before the page is ready wait for it.
  function later(name, ...values) {
    return isMounted.then(() => (current ? current[name](...values) : null));
  }
  function now(name, ...values) {
    return current ? current[name](...values) : undefined;
  }

  return {
    mount(element, options) {
      const hand = current ? current.picture.hand : [];
      if (current) current.dispose();
      current = new Workbench(element, options, memory, emit);
      if (memory.data) {
        current.setData(memory.data);
        current.picture.hand = hand;
        current.picture.showHand();
      }
      mounted();
      return this;
    },
    show: (what) => later("show", what),
    showScene: (scene) => later("showScene", scene),
    showDepth: (what) => later("showDepth", what),
    select: (what) => later("select", what),
    openTab: (name) => now("chooseTab", name === "3d" ? "space" : name),
    startBox: (name) => Boolean(now("startBox", name)),
    startPoints: () => Boolean(now("startPoints")),
    boxes: () => (current ? current.picture.hand.filter((one) => one.box_px).map((one) => ({ ...one })) : []),
    forgetBox: (id) => now("forgetHand", (one) => one.id === id),
    forgetPoints: () => now("forgetHand", (one) => Boolean(one.points_px)),
    nameBox: (id, name) => now("nameBox", id, name),
    clearDrawn: () => current && current.hand.clear(),
    setProgress: (text, share) => now("setProgress", text, share),
    selected: () => (current && current.data ? current.selected() : null),
    sign: signOf,
    clear: () => now("clear"),
    // Returns a function that takes the listener away.
    on(name, action) {
      if (!listeners[name]) throw new Error("A workbench has no event " + name + ".");
      listeners[name].push(action);
      return () => {
        listeners[name] = listeners[name].filter((one) => one !== action);
      };
    },
    dispose() {
      if (current) current.dispose();
      current = null;
      memory = { results: new Map(), data: null };
      isMounted = new Promise((resolve) => (mounted = resolve));
    },
  };
}
