"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const W = JSON.parse($("meta").textContent).words;
  const cards = [...document.querySelectorAll(".pair")];
  const [view, stage, swipe] = [$("view"), $("stage"), $("swipe")];
  let place = 0;
  let side = "";  // which one is shown alone; empty while the edge lies between them

  const filled = (text, value) => text.replace("{side}", () => value);
  function paint() {
    const [a, b] = stage.children;
    // B lies over A. A browser takes a style that a script sets; the page allows none that stands in the text.
    if (b) b.style.clipPath = side === "A" ? "inset(0 0 0 100%)" : side === "B" ? "none" : `inset(0 0 0 ${swipe.value}%)`;
    if (a && !b) side = a.dataset.side;
    $("status").textContent = side ? filled(W.showing, side) : "";
    $("blink").disabled = swipe.disabled = stage.children.length < 2;
  }
  function show(index) {
    place = (index + cards.length) % cards.length;
    const card = cards[place];
    stage.replaceChildren(...[...card.querySelectorAll("img")].map((image) => image.cloneNode()));
    if (!stage.children.length) stage.append(card.querySelector(".none").cloneNode(true));
    $("view-title").textContent = [...card.querySelectorAll(".chip")].map((chip) => chip.textContent).join(W.comma);
    $("place").textContent = `${place + 1} / ${cards.length}`;
    side = "";
    paint();
  }
  function blink() { side = side === "A" ? "B" : "A"; paint(); }

  cards.forEach((card, index) => card.addEventListener("click", () => { show(index); view.showModal(); }));
  swipe.addEventListener("input", () => { side = ""; paint(); });
  $("blink").addEventListener("click", blink);
  $("previous").addEventListener("click", () => show(place - 1));
  $("next").addEventListener("click", () => show(place + 1));
  $("close").addEventListener("click", () => view.close());
  view.addEventListener("close", () => cards[place].focus());
  // Of the document, not of the view: a button that is disabled while it has the focus leaves it to nobody.
  document.addEventListener("keydown", (event) => {
    if (!view.open || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "b") blink();
    else if (event.target !== swipe && event.key === "ArrowLeft") show(place - 1);
    else if (event.target !== swipe && event.key === "ArrowRight") show(place + 1);
    else return;
    event.preventDefault();
  });
  document.documentElement.dataset.ready = "";
})();
