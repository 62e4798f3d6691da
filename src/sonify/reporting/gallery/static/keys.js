"use strict";
(function (Gallery) {
  // Run the command of each key, where the element that has the focus does not need the key itself.
  Gallery.listenToKeys = function (commands) {
    document.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !Gallery.activeCard) return;
      if (needed(event.key, /** @type {Element} */ (event.target))) return;
      const command = commands[event.key] || commands[event.key.toLowerCase()];
      if (!command) return;
      event.preventDefault();
      if (!(event.repeat && event.key === " ")) command(); // a key held down is pressed once
    });
    // Firefox presses a button when the space bar comes up again.
    document.addEventListener("keyup", function (event) {
      const target = /** @type {Element} */ (event.target);
      if (event.key === " " && target.matches('[aria-pressed="true"], .tile')) event.preventDefault();
    });
  };

  /**
   * @param {string} key
   * @param {Element} target
   */
  function needed(key, target) {
    if (target.matches('select, input:not([type="range"])')) return true;
    if (target.matches("input") && key.startsWith("Arrow")) return true;
    if (target.matches("summary")) return key === " ";
    // Space presses a button, unless it is the choice already made.
    return key === " " && target.matches('button:not([aria-pressed="true"]):not(.tile)');
  }
})(window.Gallery);
