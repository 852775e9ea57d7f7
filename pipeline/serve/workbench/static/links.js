// One listener for the whole document: elements with data-claim, data-claims or data-regions, of the result that
// data-result names on them or around them, light up and are clickable. Those without it belong to the shown result.

const LINKED = "[data-claims], [data-claim], [data-regions]";
const CONTROLS = "a, button, input, select, textarea, summary, label";

class Links {
  // actions: current() (id of the shown result), hover(result, element or null), pick(result, element), escape(event).
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.listeners = [];
    const listen = (name, action) => {
      document.addEventListener(name, action);
      this.listeners.push([name, action]);
    };
    listen("click", (event) => this.clicked(event));
    for (const name of ["mouseover", "focusin"]) listen(name, (event) => this.hovered(this.linked(event)));
    listen("focusout", () => this.hovered(null));
    listen("mouseleave", () => this.hovered(null));
    listen("keydown", (event) => this.pressed(event));
    // Pages write and replace elements at any time.
    this.observer = new MutationObserver((records) => {
      const isNew = (node) => node.nodeType === 1 && (node.matches(LINKED) || node.querySelector(LINKED));
      if (records.some((record) => [...record.addedNodes].some(isNew))) actions.refresh();
    });
    this.observer.observe(document.body, { childList: true, subtree: true });
  }

  linked(event) {
    return event.target.closest ? event.target.closest(LINKED) : null;
  }

  resultOf(element) {
    const holder = element.closest("[data-result]");
    return (holder && holder.dataset.result) || this.actions.current();
  }

  hovered(element) {
    this.actions.hover(element ? this.resultOf(element) : null, element);
  }

  clicked(event) {
    const element = this.linked(event);
    if (!element) {
      if (event.target.closest && event.target.closest(".tw-root .marks, .tw-root .picture-box > img")) this.actions.pick(null, null);
      return;
    }
    const control = event.target.closest(CONTROLS);
    // A control within a linked element does its own work.
    if (control && control !== element && element.contains(control)) return;
    this.actions.pick(this.resultOf(element), element);
  }

  pressed(event) {
    if (event.defaultPrevented) return;
    if (event.key === "Escape") this.actions.escape();
    const element = event.target.matches && event.target.matches(LINKED) ? event.target : null;
    if (!element || element.matches(CONTROLS) || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    this.actions.pick(this.resultOf(element), element);
  }

  // Lights what belongs to claims and regions of a result, and marks what of it is picked.
  light(result, what, picked) {
    for (const element of document.querySelectorAll(LINKED)) {
      const isOwn = this.resultOf(element) === result;
      element.classList.toggle("lit", isOwn && isLit(element, what));
      if (element.hasAttribute("aria-pressed")) element.setAttribute("aria-pressed", String(isOwn && isChosen(element, picked)));
    }
  }

  remove() {
    this.observer.disconnect();
    for (const [name, action] of this.listeners) document.removeEventListener(name, action);
    for (const element of document.querySelectorAll(LINKED)) element.classList.remove("lit");
  }
}

// Whether an element stands for what is picked, not only for a part of it.
function isChosen(element, picked) {
  const isClaim = Boolean(element.dataset.claims || element.dataset.claim);
  if (isClaim !== picked.claims.length > 0) return false;
  return isLit(element, picked);
}
