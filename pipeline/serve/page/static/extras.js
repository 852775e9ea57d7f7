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
      // The scene above them grows once its picture is there.
      if (matchMedia("(max-width: 69.99rem)").matches) {
        for (const wait_ms of [0, 400, 1200]) setTimeout(() => document.getElementById("td-suggestions").scrollIntoView({ block: "nearest" }), wait_ms);
      }
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
          // On touch screens a field with the focus brings a keyboard over the answer.
          if (!matchMedia("(pointer: coarse)").matches) page.field("td-question").focus({ preventScroll: true });
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
    page.setForm?.("reset");
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

  // Marks the folded groups in which something differs from what it is at first.
  const GROUPS = { rgbd: ["depth_kind", "depth_scale"], camera: ["focal_px", "focal_35mm", "fov_deg"], options: ["depth", "ocr", "segment", "hints", "language"] };
  page.marked = (names, first, values) => {
    for (const [group, own] of Object.entries(GROUPS)) {
      const isChanged = own.some((name) => (values[names.indexOf(name)] || null) !== first[names.indexOf(name)]);
      document.getElementById(`td-${group}`).toggleAttribute("data-changed", isChanged);
    }
  };

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
      const points = marked.points_px.map((point) => point.map(Math.round));
      const [[x1, y1], [x2, y2]] = points;
      const words = page.say("js_points", { x1, y1, x2, y2 });
      return { plain: { between_px: points, frame: marked.frame, ...length }, words };
    }
    if (what === "camera_height") return { plain: { camera_height: length.value, unit }, words: page.say("anchor_camera_height") };
    if (!name || (what === "between" && !other)) throw new Error(page.say("js_need_object"));
    if (what === "between") return { plain: { between: [name, other], ...length }, words: `${name} – ${other}` };
    if (what === "camera") return { plain: { to_camera: name, ...length }, words: page.say("js_to_camera", { name }) };
    return { plain: { size: name, measure: what, ...length }, words: page.say(`js_size_${what}`, { name }) };
  };
  const known = ({ plain }) => JSON.stringify({ ...plain, value: null, unit: null, camera_height: "camera_height" in plain });
  const drawAnchors = () => {
    anchorList?.replaceChildren(
      ...page.anchors.map((one) =>
        chip(`${one.words} = ${one.plain.value ?? one.plain.camera_height} ${one.plain.unit}`, page.say("js_anchor_remove", { what: one.words }), () => {
          page.anchors = page.anchors.filter((other) => other !== one);
          if (one.plain.between_px) forgetPoints();
          drawAnchors();
        })
      )
    );
  };
  const forgetPoints = () => {
    marked = null;
    page.workbench("forgetPoints");
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
        const made = anchorOf(values);
        // One value for each length: a second one takes the place of the first.
        page.anchors = [...page.anchors.filter((one) => known(one) !== known(made)), made];
        drawAnchors();
      }
    } catch (error) {
      return page.toast(error.message, true);
    }
    if (action !== "judge") return;
    if (!page.current) return page.toast(page.say("no_answer"), true);
    const anchors = page.anchors.map((one) => one.plain);
    page.enqueue({ kind: "rejudge", result: page.current.answer, before: page.current.result, scene: page.current.scene, anchors }, [page.say("js_anchor_title")]);
  };

  // A claim that a person states
  page.mountClaim = (element) => {
    page.translate(element);
    page.chooseClaim(["relation", "left_of"]);
    offerNames();
  };
  // Which fields a relation takes.
  page.chooseClaim = ([how, relation]) => {
    const form = page.given.relations[relation] || { objects: 2, value: "none" };
    const group = document.getElementById("td-claim");
    Object.assign(group.dataset, { how, objects: form.objects, value: form.value, unit: String(form.is_length) });
  };
  const statedClaim = ([how, words, relation, ...rest]) => {
    const sentence = (words || "").trim();
    if (how === "words") return sentence || null;
    const form = page.given.relations[relation];
    if (!form) return null;
    const names = rest.slice(0, form.objects).map((name) => (name || "").trim());
    if (names.some((name) => !name)) return null;
    const [subject, object, other_object] = names;
    const claim = { relation: form.relation, subject };
    if (object) claim.object = object;
    if (other_object) claim.other_object = other_object;
    if (form.measure) claim.measure = form.measure;
    const [value, unit] = rest.slice(3);
    const isGiven = value !== null && value !== undefined && value !== "";
    if (form.value === "required" && !isGiven) throw new Error(page.say("js_need_number"));
    if (form.value !== "none" && isGiven) Object.assign(claim, { value: Number(value), unit: form.is_length ? unit : "count" });
    return claim;
  };
  page.claim = (values) => {
    let claim = null;
    try {
      claim = statedClaim(values);
    } catch (error) {
      return page.toast(error.message, true);
    }
    if (!claim) return page.toast(page.say("no_claim"), true);
    if (!page.isReady()) return;
    const title = typeof claim === "string" ? claim : page.say("js_judge_title");
    const regions = [...page.boxes, ...page.regions].map(page.regionOf);
    page.enqueue({ kind: "judge", claims: [claim], regions }, [title]);
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
          page.workbench("forgetBox", box.id);
          drawBoxes();
          offerNames();
        })
      )
    );
  };
  page.on("points", (points) => {
    marked = points;
    page.setForm?.("points");
    page.toast(page.say("js_points_marked"));
    openGroup("td-anchors", "input[type=number]");
  });
  // Opens a folded group, whose fields Gradio may make only then, and goes to one of them.
  const openGroup = (id, selector) => {
    const head = document.querySelector(`#${id} > button`);
    if (head && !head.classList.contains("open")) head.click();
    setTimeout(() => {
      const field = document.querySelector(`#${id} ${selector}`);
      field?.scrollIntoView({ block: "center" });
      field?.focus({ preventScroll: true });
    }, 300);
  };
  // Where it is, by an object that is known already.
  const questionAbout = (name) => {
    const other = page.names().find((one) => one !== name && page.boxes.every((box) => box.label !== one)) ?? page.names().find((one) => one !== name);
    return other ? page.say("js_box_compare", { name, other }) : page.say("js_box_question", { name });
  };
  page.on("box", (box) => {
    const dialog = document.getElementById("td-box");
    const name = dialog.querySelector("#td-box-name");
    name.value = box.name || "";
    dialog.returnValue = "";
    dialog.showModal();
    name.focus();
    dialog.onclose = () => {
      const label = name.value.trim();
      const before = page.boxes.find((one) => one.id === box.id);
      if (!label || !dialog.returnValue) {
        if (!before) page.workbench("forgetBox", box.id);
        return;
      }
      for (const one of page.boxes) if (one.label === label && one.id !== box.id) page.workbench("forgetBox", one.id);
      page.workbench("nameBox", box.id, label);
      page.boxes = [...page.boxes.filter((one) => one.label !== label && one !== before), { id: box.id, label, box_px: box.box_px, frame: box.frame || 0 }];
      drawBoxes();
      offerNames();
      if (dialog.returnValue === "ask") {
        page.fill("td-question", questionAbout(label));
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
