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
  const SIGNS = ["supported", "refuted", "undecided"];
  const countsOf = (html) => SIGNS.map((status) => String(html).split(`td-claim td-${status}"`).length - 1);
  const verdicts = (counts) => {
    const line = page.element("span", { class: "td-counts" });
    SIGNS.forEach((status, index) => {
      const count = Number(Array.isArray(counts) && counts[index]) || 0;
      const sign = count && page.workbench("sign", status);
      if (sign) line.append(sign, String(count));
    });
    return line;
  };
  const picture = (result) => {
    const image = page.element("img", { src: `/v1/results/${encodeURIComponent(result)}/photo-0.jpg`, alt: "", loading: "lazy", width: 44, height: 36 });
    image.addEventListener("error", () => (image.style.visibility = "hidden"));
    return image;
  };
  page.on("result", (part) => {
    if (part.kind === "opened") return;
    const others = entries().filter((one) => one.result !== part.result);
    const made = { result: part.result, title: String(part.title).slice(0, 200), time_ms: Date.now(), counts: countsOf(part.html) };
    page.remember("history", [made, ...others].slice(0, MOST));
  });
  const draw = () => {
    const list = dialog.querySelector("#td-history-list");
    const rows = entries().map((one) => {
      const button = page.element(
        "button",
        { type: "button", class: "td-entry", "aria-label": page.say("js_history_open", { question: one.title }) },
        picture(one.result),
        page.element("span", { dir: "auto", text: one.title || one.result }),
        verdicts(one.counts),
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
