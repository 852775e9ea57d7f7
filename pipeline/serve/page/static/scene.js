// The middle: the workbench with the last result, and before that what was uploaded.
"use strict";
(() => {
  const page = window.TheodolitePage;
  const STAGES = ["ingest", "depth", "ocr", "query", "verify", "export"];
  let target = null;
  let preview = null;

  // Before the first result: images in the workbench, where boxes can be drawn; videos play beside it.
  const drawPreview = () => {
    if (!preview) return;
    const images = page.uploads.filter((one) => one.url && !one.isVideo && one.width);
    const videos = page.uploads.filter((one) => one.url && one.isVideo);
    preview.hidden = Boolean(page.current) || !videos.length;
    if (!preview.hidden && preview.childElementCount !== videos.length) {
      preview.replaceChildren(...videos.map((one) => page.element("video", { src: one.url, controls: true, muted: true, playsinline: true, "aria-label": one.name })));
    }
    const isEmpty = !page.current && !images.length;
    target.classList.toggle("td-no-scene", isEmpty && videos.length > 0);
    if (page.current) return;
    if (isEmpty) return page.workbench("clear");
    page.workbench("showScene", { frames: images.map((one) => ({ name: one.name, photo: one.url, width: one.width, height: one.height })) });
  };
  page.on("uploads", drawPreview);
  page.on("result", (part) => {
    drawPreview();
    page.workbench("show", part.result);
  });
  page.on("run", (patch) => {
    const at = STAGES.indexOf(patch.stage);
    if (at < 0) return page.workbench("setProgress", null);
    page.workbench("setProgress", page.say(`js_stage_${patch.stage}`), (at + 0.5) / STAGES.length);
  });

  const mountBench = () => {
    const empty = page.element("div", { class: "td-empty" }, page.element("p", { text: page.say("scene_empty") }));
    page.workbench("mount", target, { language: page.language, words: page.given.workbenchWords[page.language], address: (id) => `/v1/results/${encodeURIComponent(id)}/workbench.json`, empty });
  };
  page.on("language", () => {
    if (!target) return;
    mountBench();
    drawPreview();
  });
  page.mountScene = (element) => {
    target = element.querySelector("#td-workbench");
    preview = element.querySelector("#td-preview");
    page.tell("scene", element);
    mountBench();
    for (const name of ["box", "points"]) page.workbench("on", name, (value) => page.tell(name, value));
    drawPreview();
  };
})();
