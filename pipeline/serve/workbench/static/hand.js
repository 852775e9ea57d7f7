// What is drawn by hand, over all frames of a scene, and the tool that draws now.

let drawnBoxes = 0;

class Hand {
  // emit: called with "box" or "points", and what was drawn.
  constructor(words, picture, parts, emit) {
    Object.assign(this, { words, picture, parts, emit });
    this.tool = null;
    picture.onTake = (box) => this.startBox(box.name, box);
  }

  // Draws a box on the shown frame, or takes up a known one.
  startBox(name, known) {
    this.end();
    const frame = this.picture.frame.index;
    const id = known ? known.id : "box-" + ++drawnBoxes;
    this.begin((one) => one.id !== id);
    this.tool = new BoxTool(this.words, this.picture, name, known && known.box_px, (box_px, hadFocus) => {
      const made = box_px ? { id, frame, box_px, name } : known;
      this.ended(made, hadFocus, this.parts.tools.box);
      if (box_px) this.emit("box", { ...made });
    });
    return true;
  }

  // Marks two points on the shown frame, instead of the last two.
  startPoints() {
    this.end();
    const frame = this.picture.frame.index;
    const before = this.picture.hand.find((one) => one.points_px);
    this.begin((one) => one.box_px);
    this.tool = new PointsTool(this.words, this.picture, (points_px, hadFocus) => {
      const made = points_px && { frame, points_px };
      this.ended(made || before, hadFocus, this.parts.tools.points);
      if (made) this.emit("points", { ...made });
    });
    return true;
  }

  begin(keeps) {
    this.picture.hand = this.picture.hand.filter(keeps);
    this.picture.showHand();
    this.parts.root.classList.add("tw-drawing-now");
  }

  ended(made, hadFocus, button) {
    this.tool = null;
    this.parts.root.classList.remove("tw-drawing-now");
    if (made) this.picture.hand.push(made);
    this.picture.showHand();
    if (hadFocus && !button.hidden) button.focus({ preventScroll: true });
  }

  // Ends a tool without using what it drew.
  end() {
    if (this.tool) this.tool.end(null);
  }

  forget(isMeant) {
    this.picture.hand = this.picture.hand.filter((one) => !isMeant(one));
    this.picture.showHand();
  }

  clear() {
    this.end();
    this.picture.hand = [];
    this.picture.showHand();
  }
}
