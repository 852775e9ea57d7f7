// Results of this browser, by their ids; the server keeps the results.
"use strict";
(() => {
  const page = window.TheodolitePage;
  const MOST = 100;
  let dialog = null;

  const ago = (time_ms) => {
    const minutes = Math.floor((Date.now() - time_ms) / 60000);
    if (minutes < 1) return page.say("js_now");
    if (minutes < 60) return page.say("js_minutes", { count: minutes });
    return minutes < 1440 ? page.say("js_hours", { count: Math.floor(minutes / 60) }) : page.say("js_days", { count: Math.floor(minutes / 1440) });
  };
  const entries = () => {
    const found = page.remembered("history", []);
    return Array.isArray(found) ? found.filter((one) => one && typeof one.result === "string") : [];
  };
  page.on("result", (part) => {
    if (part.kind === "opened") return;
    const others = entries().filter((one) => one.result !== part.result);
    page.remember("history", [{ result: part.result, title: String(part.title).slice(0, 200), time_ms: Date.now() }, ...others].slice(0, MOST));
  });
  const draw = () => {
    const list = dialog.querySelector("#td-history-list");
    const rows = entries().map((one) => {
      const button = page.element(
        "button",
        { type: "button", class: "td-entry", "aria-label": page.say("js_history_open", { question: one.title }) },
        page.element("span", { dir: "auto", text: one.title || one.result }),
        page.element("small", { text: ago(one.time_ms) })
      );
      button.addEventListener("click", () => {
        dialog.close();
        page.command("open", { result: one.result });
      });
      return page.element("li", {}, button);
    });
    list.replaceChildren(...(rows.length ? rows : [page.element("li", { class: "td-help", text: page.say("history_empty") })]));
    dialog.querySelector("#td-history-clear").hidden = !rows.length;
  };
  page.on("header", (element) => {
    dialog = element.querySelector("#td-history");
    document.body.append(dialog);
    element.querySelector("#td-history-open").addEventListener("click", () => {
      draw();
      dialog.showModal();
    });
    dialog.querySelector("#td-history-close").addEventListener("click", () => dialog.close());
    dialog.querySelector("#td-history-clear").addEventListener("click", () => {
      page.remember("history", []);
      draw();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  });
})();
