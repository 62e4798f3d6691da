"use strict";
(function (Gallery) {
  // An element with attributes, listeners (onclick, ...) and children; text is never read as HTML.
  Gallery.element = function (tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined) made.setAttribute(name, value);
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

  // Where tile `place` of a sheet of `count` lies, as a CSS background.
  Gallery.tileStyle = function (address, place, count) {
    const columns = Gallery.catalogue.tile[2];
    const rows = Math.ceil(count / columns);
    const x = (100 * (place % columns)) / (columns - 1);
    const y = rows > 1 ? (100 * Math.floor(place / columns)) / (rows - 1) : 0;
    return `background-image:url("${address}");background-size:${100 * columns}% ${100 * rows}%;` +
      `background-position:${x}% ${y}%`;
  };
})(window.Gallery);
