// Search in pages that are opened from disk. Browsers start no Worker for a file:// page, so the script of the search
// runs in a hidden frame instead, which gets and sends messages as a Worker would.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.appendChild(this.frame)
      const inside = this.frame.contentWindow
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = (...scripts) => scripts.reduce((before, src) => before.then(() => load(src)), Promise.resolve())
      const load = (src) =>
        new Promise((resolve, reject) => {
          const script = inside.document.createElement("script")
          script.src = src
          script.onload = resolve
          script.onerror = reject
          inside.document.body.appendChild(script)
        })
      load(new URL(url, location.href).href).then(() => {
        const waiting = this.waiting
        this.waiting = null
        waiting.forEach((data) => this.postMessage(data))
      })
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }))
    }

    terminate() {
      this.frame.remove()
    }
  }
  window.IFrameWorker = window.Worker // the script of the search asks for it when it looks for its languages
}
