// Mouse, touch and keyboard: one pointer turns, two pointers or the right button move, wheel and pinch zoom.

const TAP_PX = 5;
const KEY_TURN = 0.12;
const KEY_MOVE_PX = 40;

// Calls actions.orbit, pan, zoom, tap, hover, key of a name, each of which redraws; returns a function that detaches.
function attachControls(canvas, actions) {
  const pointers = new Map();
  let moved = 0;
  let most = 0;
  const listeners = [];

  function listen(name, action, options) {
    canvas.addEventListener(name, action, options);
    listeners.push([name, action, options]);
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  function middleAndSpread() {
    const [one, other] = [...pointers.values()];
    return [(one.x + other.x) / 2, (one.y + other.y) / 2, Math.hypot(one.x - other.x, one.y - other.y)];
  }

  listen("pointerdown", (event) => {
    if (pointers.size === 0) [moved, most] = [0, 0];
    pointers.set(event.pointerId, { ...place(event), button: event.button, shift: event.shiftKey });
    most = Math.max(most, pointers.size);
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
  });

  listen("pointermove", (event) => {
    const pointer = pointers.get(event.pointerId);
    const now = place(event);
    if (!pointer) {
      actions.hover(now.x, now.y);
      return;
    }
    const [x, y] = [now.x - pointer.x, now.y - pointer.y];
    const before = pointers.size === 2 ? middleAndSpread() : null;
    Object.assign(pointer, now);
    moved += Math.hypot(x, y);
    if (moved < TAP_PX) return;
    if (before) {
      const after = middleAndSpread();
      actions.pan(after[0] - before[0], after[1] - before[1]);
      if (before[2] > 0 && after[2] > 0) actions.zoom(before[2] / after[2]);
    } else if (pointers.size === 1) {
      if (pointer.button === 0 && !pointer.shift) {
        const turn = Math.PI / Math.max(canvas.clientWidth, canvas.clientHeight);
        actions.orbit(-x * turn, -y * turn);
      } else actions.pan(x, y);
    }
  });

  function lifted(event) {
    const pointer = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    const isTap = event.type === "pointerup" && moved < TAP_PX && most === 1;
    if (pointer && isTap && pointer.button === 0) actions.tap(pointer.x, pointer.y);
  }
  listen("pointerup", lifted);
  listen("pointercancel", lifted);
  listen("contextmenu", (event) => event.preventDefault());

  listen(
    "wheel",
    (event) => {
      // A page that scrolls keeps its wheel until the view is clicked or has the keyboard; a pinch counts as Control.
      const page = document.scrollingElement;
      const scrolls = page && page.scrollHeight > page.clientHeight;
      if (scrolls && !event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 600 : 1;
      actions.zoom(Math.exp(Math.min(Math.max(event.deltaY * lines, -300), 300) * 0.0015));
    },
    { passive: false },
  );

  const turns = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  listen("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const turn = turns[event.key];
    if (turn && event.shiftKey) actions.pan(-turn[0] * KEY_MOVE_PX, -turn[1] * KEY_MOVE_PX);
    else if (turn) actions.orbit(turn[0] * KEY_TURN, turn[1] * KEY_TURN);
    else if (event.key === "+" || event.key === "=") actions.zoom(1 / 1.15);
    else if (event.key === "-" || event.key === "_") actions.zoom(1.15);
    else if (!actions.key(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  });

  return () => listeners.forEach(([name, action, options]) => canvas.removeEventListener(name, action, options));
}
