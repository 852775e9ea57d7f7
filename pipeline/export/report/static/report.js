// What index and pages of results share: the theme, which applies before anything is drawn, and the dialog of keys.
(function () {
  "use strict";
  var root = document.documentElement;

  function stored(name, value) {
    // Pages opened from disk may have no storage.
    try {
      if (value !== undefined) window.localStorage.setItem(name, value);
      return window.localStorage.getItem(name);
    } catch (error) {
      return null;
    }
  }

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function toggleTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored("theodolite-theme", root.dataset.theme);
  }

  var theme = stored("theodolite-theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;

  document.addEventListener("DOMContentLoaded", function () {
    var help = document.getElementById("help");
    document.getElementById("theme").addEventListener("click", toggleTheme);
    document.getElementById("show-help").addEventListener("click", function () { help.showModal(); });
  });

  // A key that belongs to the page, and not to a field, a menu, or the 3D view, which has keys of its own.
  function pageKey(event) {
    var target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return "";
    if (target.closest && target.closest("input, select, textarea, dialog[open], #viewer")) return "";
    return event.key;
  }

  document.addEventListener("keydown", function (event) {
    var key = pageKey(event);
    if (key === "?") document.getElementById("help").showModal();
    else if (key === "t") toggleTheme();
  });

  window.theodoliteReport = { pageKey: pageKey, isDark: isDark };
})();
