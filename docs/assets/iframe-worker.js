// Browsers start no worker for a page that was opened from disk. Search then runs in a hidden frame of the page.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      this.ready = new Promise((resolve, reject) => {
        frame.addEventListener("load", () => {
          this.inner = frame.contentWindow;
          this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const script = frame.contentDocument.createElement("script");
          script.addEventListener("load", () => resolve());
          script.addEventListener("error", () => reject(new Error(`${url} cannot be loaded.`)));
          script.src = String(new URL(url, document.baseURI));
          frame.contentDocument.body.append(script);
        }, { once: true });
      });
      document.body.append(frame);
      this.frame = frame;
    }

    postMessage(data) {
      this.ready.then(() => this.inner.dispatchEvent(new this.inner.MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
