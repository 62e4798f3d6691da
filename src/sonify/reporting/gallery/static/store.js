"use strict";
// Data come as scripts, since a page opened from a disk may not read files. Each calls Gallery.put.
window.Gallery = /** @type {Gallery} */ ({});

(function (Gallery) {
  const KEPT = 64; // files held; the oldest go first
  /** @type {Map<string, (value: unknown) => void>} */
  const waiting = new Map();
  /** @type {Map<string, Promise<unknown>>} */
  const kept = new Map();

  Gallery.put = function (key, value) {
    const resolve = waiting.get(key);
    waiting.delete(key);
    if (resolve) resolve(value);
  };

  // What data/<key>.js holds, as a promise.
  Gallery.load = function (key) {
    const promise = kept.get(key) || request(key);
    kept.delete(key);
    kept.set(key, promise);
    if (kept.size > KEPT) kept.delete([...kept.keys()][0]);
    return promise;
  };

  Gallery.address = (key, ending) =>
    "data/" + key.split("/").map(encodeURIComponent).join("/") + ending;

  /** @param {string} key */
  function request(key) {
    const promise = new Promise(function (resolve, reject) {
      waiting.set(key, resolve);
      const script = document.createElement("script");
      script.onload = script.onerror = function () {
        script.remove();
        if (waiting.delete(key)) {
          reject(new Error(`data/${key}.js is missing or broken: build the gallery again`));
        }
      };
      script.src = Gallery.address(key, ".js");
      document.head.append(script);
    });
    promise.catch(() => kept.delete(key));
    return promise;
  }
})(window.Gallery);
