// The page's scripts share one object: words, look, commands to the server, and what comes back.
"use strict";
window.TheodolitePage = (() => {
  const given = window.theodolitePageValues;
  const page = {
    given,
    language: "en",
    uploads: [],
    depth: [],
    anchors: [],
    boxes: [],
    regions: [],
    current: null,
  };
  const listeners = {};
  const outbox = {};
  let send = null;
  const waiting = [];

  page.on = (name, listener) => {
    (listeners[name] ||= []).push(listener);
  };
  page.tell = (name, value) => {
    for (const listener of listeners[name] || []) listener(value);
  };

  // What a browser remembers, where it lets pages do so.
  page.remembered = (key, fallback) => {
    try {
      const found = JSON.parse(localStorage.getItem(`theodolite.${key}`));
      return found === null ? fallback : found;
    } catch {
      return fallback;
    }
  };
  page.remember = (key, value) => {
    try {
      localStorage.setItem(`theodolite.${key}`, JSON.stringify(value));
    } catch {
      return;
    }
  };

  // Words
  page.say = (code, values = {}) =>
    (given.texts[page.language][code] ?? code).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  page.translate = (root) => {
    for (const one of root.querySelectorAll("[data-t]")) one.textContent = page.say(one.dataset.t, { days: one.dataset.tDays });
    for (const one of root.querySelectorAll("[data-t-label]")) {
      one.setAttribute("aria-label", page.say(one.dataset.tLabel));
      one.title = page.say(one.dataset.tLabel);
    }
  };
  page.speak = (language) => {
    page.language = language;
    document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
    page.translate(document);
    page.tell("language", language);
  };
  const chosen = page.remembered("language", null);
  const asked = (navigator.languages || [navigator.language]).map((one) => one.toLowerCase().split("-")[0]);
  page.language = chosen in given.texts ? chosen : asked.find((one) => one in given.texts) || "en";
  document.documentElement.lang = page.language === "zh" ? "zh-Hans" : "en";

  // Light and dark: Gradio marks the body, the page its root.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const look = () => {
    const theme = page.remembered("theme", null) || (system.matches ? "dark" : "light");
    if (document.documentElement.dataset.theme !== theme) document.documentElement.dataset.theme = theme;
    const isDark = theme === "dark";
    if (document.body && document.body.classList.contains("dark") !== isDark) document.body.classList.toggle("dark", isDark);
  };
  look();
  system.addEventListener("change", look);
  document.addEventListener("DOMContentLoaded", () => {
    look();
    new MutationObserver(look).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });
  page.switchTheme = () => {
    page.remember("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    look();
    page.tell("theme", document.documentElement.dataset.theme);
  };

  // A short message that goes away.
  let hiding = 0;
  page.toast = (text, isProblem = false) => {
    const toast = document.getElementById("td-toast");
    toast.textContent = text;
    toast.className = isProblem ? "td-shown td-bad" : "td-shown";
    clearTimeout(hiding);
    hiding = setTimeout(() => (toast.className = ""), isProblem ? 9000 : 3500);
  };

  // Commands: the component td-command makes them events; outgoing() puts in what they carry.
  page.connect = (trigger) => {
    send = trigger;
    page.command("speak", {});
    for (const [name, value] of waiting.splice(0)) page.command(name, value);
  };
  page.command = (name, value) => {
    if (!send) return waiting.push([name, value]);
    outbox[name] = { ...value, page_language: page.language };
    send(name);
  };
  page.outgoing = (name, values) => {
    const sent = outbox[name] || {};
    page.tell(`outgoing ${name}`, { sent, values });
    return [sent, ...values.slice(1)];
  };
  page.receive = (name, value) => {
    if (value && typeof value === "object") page.tell(name, value);
  };

  // Elements
  page.element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "text") made.textContent = value;
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  };
  page.icon = (path) => {
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("viewBox", "0 0 20 20");
    icon.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", path);
    icon.append(line);
    return icon;
  };
  page.field = (id) => document.querySelector(`#${id} textarea, #${id} input`);
  page.fill = (id, value) => {
    const field = page.field(id);
    if (!field) return;
    const owner = field.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(owner.prototype, "value").set.call(field, value);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // The workbench in the middle; the page works without it.
  page.workbench = (name, ...values) => {
    const bench = window.TheodoliteWorkbench;
    return bench && typeof bench[name] === "function" ? bench[name](...values) : undefined;
  };

  page.mountHeader = (element) => {
    page.translate(element);
    element.querySelector("#td-theme").addEventListener("click", page.switchTheme);
    element.querySelector("#td-language-switch").addEventListener("click", () => {
      const next = page.language === "en" ? "zh" : "en";
      page.remember("language", next);
      page.speak(next);
      page.command("speak", {});
    });
    const banner = element.querySelector("#td-banner");
    if (banner) {
      banner.hidden = page.remembered("banner", true) === false;
      element.querySelector("#td-banner-close").addEventListener("click", () => {
        banner.hidden = true;
        page.remember("banner", false);
        document.getElementById("td-theme").focus();
      });
    }
    page.tell("header", element);
  };
  return page;
})();
