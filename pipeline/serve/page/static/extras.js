// Examples, known lengths, claims that a person states, and boxes drawn by hand.
"use strict";
(() => {
  const page = window.TheodolitePage;
  const CROSS = "M5 5l10 10M15 5L5 15";

  const chip = (text, removeWords, remove) => {
    const button = page.element("button", { type: "button", class: "td-mini", "aria-label": removeWords, title: removeWords }, page.icon(CROSS));
    button.addEventListener("click", remove);
    return page.element("li", { class: "td-chip" }, page.element("span", { dir: "auto", text }), button);
  };

  // Names that claims and lengths can use: objects of the last answer, and boxes.
  page.names = () => {
    const found = new Set();
    for (const one of [...page.regions, ...page.boxes]) found.add(one.label);
    return [...found].slice(0, 60);
  };
  const offerNames = () => {
    let list = document.getElementById("td-names");
    if (!list) {
      list = page.element("datalist", { id: "td-names" });
      document.body.append(list);
    }
    list.replaceChildren(...page.names().map((name) => page.element("option", { value: name })));
    // Gradio adds the fields of a group after its other parts.
    setTimeout(() => {
      for (const field of document.querySelectorAll(".td-name input")) field.setAttribute("list", "td-names");
    });
  };
  page.regionOf = (one) => ({ label: one.label, box_px: one.box_px, frame: one.frame });
  page.on("result", (part) => {
    const isBase = part.kind !== "rejudge" || !page.current;
    const found = part.regions || [];
    const labels = new Set(found.map((one) => one.label));
    page.regions = [...found, ...page.regions.filter((one) => !labels.has(one.label))].slice(0, 150);
    page.current = { result: part.result, scene: part.scene, answer: isBase ? part.result : page.current.answer };
    offerNames();
    document.getElementById("td-new").hidden = false;
  });

  // Examples: fetched from this server, and uploaded like any other file.
  const fileOf = async (path) => {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(path);
    return new File([await answer.blob()], path.split("/").pop(), { type: "image/png" });
  };
  page.loadExample = async (example) => {
    page.newScene();
    try {
      const images = await Promise.all(example.images.map(fileOf));
      const depth = await Promise.all(example.depth.map(fileOf));
      if (example.camera) example.cameraValues = await (await fetch(example.camera)).json();
      page.addFiles(images);
      if (depth.length) page.addFiles(depth, true);
      for (const one of page.uploads) one.example = example;
      suggest(example);
      if (matchMedia("(max-width: 47.99rem)").matches) document.getElementById("td-suggestions").scrollIntoView({ block: "center" });
    } catch {
      page.toast(page.say("js_no_server"), true);
    }
  };
  let suggested = null;
  const suggest = (example) => {
    const target = document.getElementById("td-suggestions");
    suggested = example;
    target.hidden = !example;
    if (!example) return;
    const both = [...example.questions[page.language], ...example.questions[page.language === "en" ? "zh" : "en"].slice(0, 1)];
    target.replaceChildren(
      page.element("p", { text: page.say("js_example_loaded") }),
      ...both.map((question) => {
        const button = page.element("button", { type: "button", class: "td-button td-suggestion", text: question, dir: "auto" });
        button.addEventListener("click", () => {
          if (!page.isReady()) return;
          page.ask(question);
          button.remove();
          target.hidden = !target.querySelector("button");
        });
        return button;
      })
    );
  };
  page.on("language", () => suggest(suggested));
  page.newScene = () => {
    page.clearUploads();
    page.anchors = [];
    page.boxes = [];
    page.regions = [];
    page.current = null;
    page.clearChat();
    marked = null;
    page.workbench("clear");
    suggest(null);
    drawAnchors();
    drawBoxes();
  };
  page.on("uploads", (uploads) => {
    document.getElementById("td-new").hidden = !uploads.length && !page.current;
    if (suggested && !uploads.some((one) => one.example)) suggest(null);
  });
  page.on("uploader", (element) => {
    const list = element.querySelector("#td-examples-list");
    list.replaceChildren(
      ...page.given.examples.map((example) => {
        const image = page.element("img", { src: example.images[0], alt: "", loading: "lazy", width: 64, height: 64 });
        const button = page.element("button", { type: "button", class: "td-example", "data-example": example.name }, image, page.element("span", { "data-t": example.code, text: page.say(example.code) }));
        image.addEventListener("error", () => button.parentElement.remove());
        button.addEventListener("click", () => page.loadExample(example));
        return page.element("li", {}, button);
      })
    );
    element.querySelector("#td-new").addEventListener("click", page.newScene);
  });

  // Known lengths
  let anchorList = null;
  let marked = null;
  const anchorOf = ([what, first, second, value, unit]) => {
    const length = { value: Number(value), unit };
    if (!(length.value > 0)) throw new Error(page.say("js_need_value"));
    const name = (first || "").trim();
    const other = (second || "").trim();
    if (what === "points") {
      if (!marked) {
        page.workbench("startPoints");
        document.getElementById("td-centre").scrollIntoView({ block: "nearest" });
        throw new Error(page.say("js_need_points"));
      }
      const [[x1, y1], [x2, y2]] = marked.points_px;
      // Marks count from the corner of the first pixel, anchors from its centre.
      const points = [[x1 - 0.5, y1 - 0.5], [x2 - 0.5, y2 - 0.5]];
      const words = page.say("js_points", { x1: x1.toFixed(0), y1: y1.toFixed(0), x2: x2.toFixed(0), y2: y2.toFixed(0) });
      return { plain: { between_px: points, frame: marked.frame, ...length }, words };
    }
    if (what === "camera_height") return { plain: { camera_height: length.value, unit }, words: page.say("anchor_camera_height") };
    if (!name || (what === "between" && !other)) throw new Error(page.say("js_need_object"));
    if (what === "between") return { plain: { between: [name, other], ...length }, words: `${name} – ${other}` };
    if (what === "camera") return { plain: { to_camera: name, ...length }, words: page.say("js_to_camera", { name }) };
    return { plain: { size: name, measure: what, ...length }, words: page.say(`js_size_${what}`, { name }) };
  };
  const drawAnchors = () => {
    anchorList?.replaceChildren(
      ...page.anchors.map((one) =>
        chip(`${one.words} = ${one.plain.value ?? one.plain.camera_height} ${one.plain.unit}`, page.say("js_anchor_remove", { what: one.words }), () => {
          page.anchors = page.anchors.filter((other) => other !== one);
          drawAnchors();
        })
      )
    );
  };
  page.chooseAnchor = (what) => {
    document.getElementById("td-anchors").dataset.what = what;
    if (what === "points" && !marked) page.workbench("startPoints");
  };
  page.mountAnchors = (element) => {
    anchorList = element.querySelector("ul");
    drawAnchors();
    offerNames();
  };
  page.anchor = (action, values) => {
    try {
      if (action === "add" || values[3] || !page.anchors.length) {
        page.anchors.push(anchorOf(values));
        drawAnchors();
      }
    } catch (error) {
      return page.toast(error.message, true);
    }
    if (action !== "judge") return;
    if (!page.current) return page.toast(page.say("no_answer"), true);
    const anchors = page.anchors.map((one) => one.plain);
    page.enqueue({ kind: "rejudge", result: page.current.answer, scene: page.current.scene, anchors }, [page.say("js_anchor_title")]);
  };

  // A claim that a person states
  page.mountClaim = (element) => {
    page.translate(element);
    offerNames();
  };
  page.claim = ([words, relation, subject, object, other]) => {
    const claims = [];
    if ((words || "").trim()) claims.push(words.trim());
    else if (relation && (subject || "").trim()) {
      const claim = { relation, subject: subject.trim() };
      if ((object || "").trim()) claim.object = object.trim();
      if ((other || "").trim()) claim.other_object = other.trim();
      claims.push(claim);
    }
    if (!claims.length) return page.toast(page.say("no_claim"), true);
    if (!page.isReady()) return;
    const title = typeof claims[0] === "string" ? claims[0] : page.say("js_judge_title");
    const known = [...page.boxes, ...page.regions].map(page.regionOf);
    page.enqueue({ kind: "judge", claims, regions: known }, [title]);
  };

  // Boxes drawn by hand
  const drawBoxes = () => {
    const list = document.getElementById("td-boxes");
    if (!list) return;
    list.hidden = !page.boxes.length;
    list.replaceChildren(
      ...page.boxes.map((box) =>
        chip(box.label, page.say("js_box_remove", { name: box.label }), () => {
          page.boxes = page.boxes.filter((other) => other !== box);
          drawBoxes();
          offerNames();
        })
      )
    );
  };
  page.on("points", (points) => {
    marked = points;
    page.toast(page.say("js_points_marked"));
  });
  page.on("box", (box) => {
    const dialog = document.getElementById("td-box");
    const name = dialog.querySelector("#td-box-name");
    name.value = box.name || "";
    dialog.returnValue = "";
    dialog.showModal();
    name.focus();
    dialog.onclose = () => {
      const label = name.value.trim();
      if (!label || !dialog.returnValue) return;
      page.boxes = [...page.boxes.filter((one) => one.label !== label), { label, box_px: box.box_px, frame: box.frame || 0 }];
      drawBoxes();
      offerNames();
      if (dialog.returnValue === "ask") {
        page.fill("td-question", page.say("js_box_question", { name: label }));
        page.field("td-question").focus();
      }
    };
  });
  page.on("scene", (element) => {
    page.translate(element);
    const dialog = element.querySelector("#td-box");
    document.body.append(dialog);
    dialog.querySelector("#td-box-cancel").addEventListener("click", () => dialog.close(""));
    drawBoxes();
  });
})();
