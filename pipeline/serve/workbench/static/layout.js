// The parts of the workbench on the page, before anything is shown.

const ICONS = {
  marks: "M3 5h8v6H3zM9 9h8v7H9z",
  box: "M4 7V4h3M13 4h3v3M16 13v3h-3M7 16H4v-3M10 7v6M7 10h6",
  points: "M4 16L16 4M4 16l0-3M4 16l3 0M16 4l-3 0M16 4l0 3",
  enlarge: "M12 4h4v4M8 16H4v-4M16 4l-5 5M4 16l5-5",
};

let panels = 0;

// actions: chooseFrame(index), chooseTab(name), toggleMarks(), startBox(), startPoints(), toggleLarge().
function buildLayout(words, options, picture, space, actions) {
  const root = make("section", "tw-root");
  root.setAttribute("aria-label", words.name);
  root.lang = options.language === "zh" ? "zh-Hans" : "en";
  const progress = make("div", "tw-progress");
  progress.setAttribute("role", "status");
  progress.append(make("span", "tw-stage"), make("span", "tw-bar"));
  const note = make("p", "tw-note tw-failure");
  note.setAttribute("role", "alert");
  note.hidden = true;
  const empty = make("div", "tw-empty");
  const full = make("div", "tw-full");
  full.hidden = true;
  const panel = make("div", "tw-panel");
  panel.id = "tw-panel-" + ++panels;
  panel.setAttribute("role", "tabpanel");
  panel.append(picture.element, space.element);
  const strip = new Tabs("tw-strip", words.frames, actions.chooseFrame);
  const tabs = new Tabs("tw-tabs", words.name, actions.chooseTab);
  tabs.add("picture", [words.picture], null, panel).classList.add("tw-button");
  tabs.add("space", [words.view], null, panel).classList.add("tw-button");
  const head = make("div", "tw-head");
  const tools = {
    box: iconButton(ICONS.box, words.draw_box, actions.startBox),
    points: iconButton(ICONS.points, words.known_length, actions.startPoints),
    marks: iconButton(ICONS.marks, words.marks, actions.toggleMarks),
    large: iconButton(ICONS.enlarge, words.enlarge, actions.toggleLarge),
  };
  tools.marks.setAttribute("aria-pressed", "true");
  tools.large.setAttribute("aria-pressed", "false");
  head.append(tabs.element, make("span", "tw-space-between"), ...Object.values(tools));
  const said = make("p", "tw-said");
  const chips = make("ul", "chips");
  chips.setAttribute("aria-label", words.regions);
  full.append(strip.element, head, panel, said, chips);
  const jump = new Jump(words, panel);
  root.append(progress, note, empty, full, jump.button);
  return { root, jump, progress, note, empty, full, panel, strip, tabs, tools, said, chips };
}

// One chip per object of a result, lit and clicked as its boxes are.
function fillChips(list, objects) {
  const chips = objects.map((object) => {
    const entry = make("li");
    const chip = make("button", "chip");
    chip.type = "button";
    chip.dataset.regions = object.regions.join(" ");
    chip.setAttribute("aria-pressed", "false");
    chip.style.setProperty("--region", object.colour);
    chip.appendChild(make("bdi", "", object.name));
    entry.appendChild(chip);
    return entry;
  });
  list.replaceChildren(...chips);
  list.hidden = !chips.length;
}

// The verdict on a claim in one line.
function fillVerdict(line, claim, words) {
  line.replaceChildren();
  const text = make("span", "free", claim.text);
  line.append(signOf(claim.status), make("b", "", words[claim.status]), " ", text, " ", make("span", "tw-share", claim.share));
}

function themeOf(element, wished) {
  if (wished === "light" || wished === "dark") return wished;
  for (let one = element.parentElement; one; one = one.parentElement) {
    if (one.classList.contains("dark") || one.dataset.theme === "dark") return "dark";
    if (one.dataset.theme === "light") return "light";
  }
  // Gradio marks a dark page alone, whatever the system prefers.
  if (document.querySelector("gradio-app, .gradio-container")) return "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

// Calls an action with the theme, now and whenever it changes; returns a function that ends this.
function followTheme(element, wished, action) {
  let last = null;
  const apply = () => {
    const theme = themeOf(element, wished);
    if (theme !== last) action((last = theme));
  };
  const observer = new MutationObserver(apply);
  for (const one of [document.documentElement, document.body]) {
    observer.observe(one, { attributes: true, attributeFilter: ["class", "data-theme"] });
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", apply);
  apply();
  return () => {
    observer.disconnect();
    system.removeEventListener("change", apply);
  };
}
