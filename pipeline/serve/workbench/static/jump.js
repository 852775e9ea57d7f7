// Where the picture is out of sight, as on phones, a button leads from a claim to it and back.

// Least share of the picture, or of the screen, that is in sight.
const LEAST_SEEN = 0.5;

class Jump {
  constructor(words, panel) {
    this.words = words;
    this.panel = panel;
    this.from = null;
    this.button = makeButton("tw-button tw-jump", undefined, () => this.follow());
    this.button.hidden = true;
  }

  isFarAway() {
    const { top, bottom } = this.panel.getBoundingClientRect();
    const screen = window.innerHeight;
    return Math.min(bottom, screen) - Math.max(top, 0) < LEAST_SEEN * Math.min(bottom - top, screen);
  }

  // Offers the way from an element that was clicked; null takes the offer back.
  offer(element) {
    this.from = element;
    this.button.hidden = !element || !this.isFarAway();
    this.button.textContent = this.words.show_in_picture;
  }

  follow() {
    if (this.isFarAway()) {
      this.panel.scrollIntoView({ block: "start" });
      this.button.textContent = this.words.back_to_claim;
    } else {
      if (this.from.isConnected) this.from.scrollIntoView({ block: "center" });
      this.offer(null);
    }
  }
}
