// What hand-drawn boxes and points share: a layer over the picture, places in pixels of the frame, and movable handles.
//
// Places are on the plane of the image, whose outer top-left corner is (0, 0), as edges of boxes are.

const STEP_PX = 1;
const LARGE_STEP_PX = 10;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The movement that a key means [px of the frame], or null.
function stepOf(event) {
  const step = STEPS[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return null;
  const size = event.shiftKey ? LARGE_STEP_PX : STEP_PX;
  return [size * step[0], size * step[1]];
}

// The place of a pointer on a layer that covers a frame.
function placeOf(event, layer, frame) {
  const { left, top, width, height } = layer.getBoundingClientRect();
  return [
    clamp(((event.clientX - left) * frame.width) / width, 0, frame.width),
    clamp(((event.clientY - top) * frame.height) / height, 0, frame.height),
  ];
}

// Calls ``move`` with places while a pointer is held down, and ``end`` with whether it was lifted, not cancelled.
function follow(event, target, layer, frame, move, end) {
  event.preventDefault();
  event.stopPropagation();
  target.setPointerCapture(event.pointerId);
  const moved = (next) => {
    if (next.pointerId === event.pointerId) move(placeOf(next, layer, frame));
  };
  const ended = (last) => {
    if (last.pointerId !== event.pointerId) return;
    for (const name of ["pointerup", "pointercancel"]) target.removeEventListener(name, ended);
    target.removeEventListener("pointermove", moved);
    if (last.type === "pointerup") move(placeOf(last, layer, frame));
    end(last.type === "pointerup");
  };
  target.addEventListener("pointermove", moved);
  for (const name of ["pointerup", "pointercancel"]) target.addEventListener(name, ended);
}

// A layer on which something is drawn by hand, with a row that says how and ends it.
//
// actions: hint, use (words); isReady(), confirm(), cancel(), draw(place, event), key(step) for keys on the layer.
class DrawingLayer {
  constructor(words, picture, actions) {
    this.picture = picture;
    this.actions = actions;
    this.frame = picture.frame;
    this.layer = make("div", "tw-layer");
    this.layer.tabIndex = 0;
    this.layer.setAttribute("role", "group");
    this.row = make("div", "tw-drawing");
    this.hint = make("p", "tw-hint");
    this.hint.setAttribute("role", "status");
    this.using = makeButton("tw-button tw-primary", actions.use, () => actions.confirm());
    this.row.append(this.hint, this.using, makeButton("tw-button", words.cancel, () => actions.cancel()));
    this.layer.addEventListener("pointerdown", (event) => {
      if (event.target !== this.layer || event.button > 0 || !event.isPrimary) return;
      this.layer.focus({ preventScroll: true });
      actions.draw(placeOf(event, this.layer, this.frame), event);
    });
    this.onKey = (event) => this.pressed(event);
    this.layer.addEventListener("keydown", this.onKey);
    this.row.addEventListener("keydown", this.onKey);
    picture.box.appendChild(this.layer);
    picture.drawings.replaceChildren(this.row);
    this.say(actions.hint);
    this.update();
    this.layer.focus({ preventScroll: true });
  }

  pressed(event) {
    if (event.key === "Escape") this.actions.cancel();
    else if (event.key === "Enter" && this.actions.isReady() && !this.row.contains(event.target)) this.actions.confirm();
    else if (event.target === this.layer && stepOf(event)) this.actions.key(stepOf(event));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  say(text) {
    this.hint.textContent = text;
    this.layer.setAttribute("aria-label", text);
  }

  update() {
    this.using.disabled = !this.actions.isReady();
  }

  // Places an element by its left and top edge [px of the frame].
  place(element, x, y) {
    element.style.left = (100 * x) / this.frame.width + "%";
    element.style.top = (100 * y) / this.frame.height + "%";
  }

  // A button that pointer and arrow keys move; ``start`` returns a function from the place, or the step, to follow.
  handle(className, name, start) {
    const made = make("button", className);
    made.type = "button";
    made.setAttribute("aria-label", name);
    made.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      made.focus({ preventScroll: true });
      const first = placeOf(event, this.layer, this.frame);
      const move = start();
      follow(event, made, this.layer, this.frame, (place) => move(place[0] - first[0], place[1] - first[1]), () => {});
    });
    made.addEventListener("keydown", (event) => {
      const step = stepOf(event);
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      start()(step[0], step[1]);
    });
    return made;
  }

  remove() {
    const hadFocus = this.layer.contains(document.activeElement) || this.row.contains(document.activeElement);
    this.layer.remove();
    this.row.remove();
    return hadFocus;
  }
}
