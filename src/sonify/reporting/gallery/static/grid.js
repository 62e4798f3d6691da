"use strict";
// The overview: every filter of the chosen layers as a small spectrogram, drawn as it is scrolled to.
(function (Gallery) {
  const { element } = Gallery;
  const BATCH = 60;

  class Grid {
    /**
     * @param {string} name
     * @param {(filter: Filter) => void} onchoose
     */
    constructor(name, onchoose) {
      this.onchoose = onchoose;
      /** @type {Filter[]} */
      this.items = [];
      this.mixed = false; // filters of several layers
      this.root = element("div", { class: "grid", role: "group", "aria-label": name, tabindex: -1 });
      this.more = element("div", { class: "more" });
      new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.extend(BATCH),
        { root: this.root, rootMargin: "400px" }).observe(this.more);
      this.root.addEventListener("click", (event) => {
        const tile = /** @type {Element} */ (event.target).closest(".tile");
        if (tile instanceof HTMLElement) onchoose(this.items[Number(tile.dataset.place)]);
      });
      this.root.addEventListener("keydown", (event) => this.key(event));
    }

    /**
     * @param {Filter[]} items
     * @param {Filter | undefined} chosen
     */
    show(items, chosen) {
      if (this.items !== items) {
        this.items = items;
        this.mixed = items.some((one) => one.layer !== items[0].layer);
        this.root.replaceChildren(this.more);
        this.extend(BATCH);
        this.root.scrollTop = 0;
      }
      const place = chosen ? items.indexOf(chosen) : -1;
      if (place >= this.root.children.length - 1) this.extend(place + 1);
      const focused = this.root.contains(document.activeElement);
      for (const tile of this.tiles()) {
        if (tile.getAttribute("aria-pressed") === "true") mark(tile, false);
      }
      const tile = this.tiles()[Math.max(0, place)];
      if (!tile) return;
      mark(tile, place >= 0);
      tile.tabIndex = 0;
      if (focused) tile.focus({ preventScroll: true });
      const { scrollTop, clientHeight } = this.root;
      const hidden = tile.offsetTop < scrollTop ||
        tile.offsetTop + tile.offsetHeight > scrollTop + clientHeight;
      if (hidden) this.root.scrollTop = tile.offsetTop - clientHeight / 2;
    }

    /** @returns {HTMLElement[]} */
    tiles() {
      return [...this.root.querySelectorAll(/** @type {"button"} */ (".tile"))];
    }

    /** @param {number} count */
    extend(count) {
      const first = this.root.children.length - 1;
      const next = this.items.slice(first, first + count).map((one, i) => tile(one, first + i, this.mixed));
      this.more.before(...next);
    }

    /**
     * Up and down walk by rows; left and right are walked for the whole page.
     * @param {KeyboardEvent} event
     */
    key(event) {
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      const place = Number(/** @type {HTMLElement} */ (event.target).dataset.place || -1);
      if (!step || place < 0) return;
      event.preventDefault();
      const tiles = this.tiles();
      const columns = tiles.filter((one) => one.offsetTop === tiles[0].offsetTop).length;
      const next = this.items[place + step * columns];
      if (next) this.onchoose(next);
    }
  }

  /**
   * @param {HTMLElement} tile
   * @param {boolean} chosen
   */
  function mark(tile, chosen) {
    tile.setAttribute("aria-pressed", String(chosen));
    tile.tabIndex = chosen ? 0 : -1;
  }

  /**
   * @param {Filter} one
   * @param {number} place
   * @param {boolean} mixed
   */
  function tile(one, place, mixed) {
    const name = mixed ? `${one.layer}/${one.filter}` : String(one.filter);
    const facts = one.dead ? "dead on every clip" :
      `${one.main || "no common label"}, activation ${Gallery.words.activation(one.activation)}`;
    return element("button", {
      type: "button", class: one.dead ? "tile dead" : "tile", "aria-pressed": false, tabindex: -1,
      "aria-label": `Layer ${one.layer}, filter ${one.filter}: ${facts}`, title: facts, "data-place": place,
      style: one.dead ? null : Gallery.tileStyle(one.sheets, one.place, one.count),
    }, element("span", {}, one.dead ? `${name} dead` : name));
  }

  Gallery.Grid = Grid;
})(window.Gallery);
