// Elements of the page. Texts of users and models become text nodes, never markup.

const SVG_SPACE = "http://www.w3.org/2000/svg";

function make(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function makeButton(className, text, onClick) {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

// A button that shows an icon; its name is for tooltips and screen readers.
function iconButton(path, name, onClick) {
  const made = makeButton("tw-button tw-icon", undefined, onClick);
  const icon = shape("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" });
  icon.appendChild(shape("path", { d: path }));
  made.appendChild(icon);
  rename(made, name);
  return made;
}

function rename(element, name) {
  element.setAttribute("aria-label", name);
  element.title = name;
}

function shape(name, attributes, text) {
  const made = document.createElementNS(SVG_SPACE, name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

// The symbols of the signs of verdicts, once per page.
function ensureSigns() {
  if (document.getElementById("sign-supported")) return;
  const signs = shape("svg", { width: 0, height: 0, "aria-hidden": "true" });
  signs.style.position = "absolute";
  for (const [attributes, parts] of SIGNS) {
    const symbol = shape("symbol", attributes);
    symbol.append(...parts.map(([name, own]) => shape(name, own)));
    signs.appendChild(symbol);
  }
  document.body.appendChild(signs);
}

// The sign of a status: supported, refuted, undecided or conflict.
function signOf(status) {
  ensureSigns();
  const made = shape("svg", { class: "sign", "aria-hidden": "true" });
  made.appendChild(shape("use", { href: "#sign-" + status }));
  return made;
}

function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function rounded(value) {
  return Math.round(10 * value) / 10;
}
