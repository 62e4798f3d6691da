"use strict";
(function (Gallery) {
  // An element with attributes, listeners (onclick, ...) and children; text is never read as HTML.
  Gallery.element = function (tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") made.addEventListener(name.slice(2), value);
      else if (value === null || value === undefined) continue;
      else if (name === "style") made.style.cssText = String(value); // an attribute is forbidden
      else made.setAttribute(name, String(value));
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  };

  // A button that is one choice of several.
  Gallery.choice = (words, chosen, onclick, attributes) =>
    Gallery.element("button", { type: "button", "aria-pressed": chosen, onclick, ...attributes }, words);

  // Words about a value, which may be unknown.
  Gallery.words = {
    measure: (value) => (value === null ? "–" : value.toPrecision(2)),
    share: (value) => (value === null ? "–" : `${Math.round(100 * value)} %`),
    hertz: (value) => (value === null ? "–" : `${Math.round(value)} Hz`),
    activation: (value) => (value === null ? "–" : String(+value.toPrecision(3))),
    clock: (seconds) => `${seconds.toFixed(1)} s`,
  };

  // Where tile `place` of `count` lies in the sheets called `key`, as a CSS background.
  Gallery.tileStyle = function (key, place, count) {
    const [columns, each] = Gallery.catalogue.sheet;
    const sheet = Math.floor(place / each), at = place % each;
    const rows = Math.ceil(Math.min(each, count - sheet * each) / columns);
    const x = (100 * (at % columns)) / (columns - 1);
    const y = rows > 1 ? (100 * Math.floor(at / columns)) / (rows - 1) : 0;
    return `background-image:url("${Gallery.address(`${key}-${sheet}`, ".webp")}");` +
      `background-size:${100 * columns}% ${100 * rows}%;background-position:${x}% ${y}%`;
  };
})(window.Gallery);
