"use strict";
// The overview: every filter of the chosen layers as a small spectrogram, drawn as it is scrolled to.
(function (Gallery) {
  const { element } = Gallery;
  const BATCH = 120;

  const by = (name, sign) => (a, b) => {
    // Unknown values, those of dead filters, last in either direction.
    if (a[name] === null || b[name] === null) return (a[name] === null) - (b[name] === null);
    return sign * (a[name] - b[name]);
  };
  Gallery.SORTS = [
    { name: "activation", words: "activation, highest first", compare: by("activation", -1) },
    { name: "purity", words: "label purity, highest first", compare: by("label_purity", -1) },
    { name: "coherence", words: "coherence, highest first", compare: by("coherence", -1) },
    { name: "incoherence", words: "coherence, lowest first", compare: by("coherence", 1) },
    { name: "tonal", words: "spectral flatness, tones first", compare: by("flatness", 1) },
    { name: "noise", words: "spectral flatness, noises first", compare: by("flatness", -1) },
    { name: "filter", words: "layer and number", compare: () => 0 },
  ];

  const tables = new Map();

  // The filters of a layer, a promise of objects in the order of their numbers.
  Gallery.filters = function (model, layer) {
    const key = `models/${model}/layer-${layer}`;
    if (!tables.has(key)) tables.set(key, Gallery.load(key).then((table) => unpacked(model, layer, table)));
    return tables.get(key);
  };

  function unpacked(model, layer, table) {
    const sheet = Gallery.address(`models/${model}/layer-${layer}`, ".webp");
    return table.filter.map(function (filter, place) {
      const one = { model, layer, filter, place, count: table.filter.length, sheet };
      for (const name of Object.keys(table)) one[name] = table[name][place];
      const labels = new Set(one.top.flatMap((take) => take[1]));
      one.text = [one.main, ...[...labels].map((i) => Gallery.catalogue.labels[i])].join("\n").toLowerCase();
      return one;
    });
  }

  // Those that like `query` (in a label of a top clip), in the order called `sort`, dead ones last.
  Gallery.arranged = function (filters, query, sort) {
    const words = query.trim().toLowerCase();
    const order = Gallery.SORTS.find((one) => one.name === sort) || Gallery.SORTS[0];
    return filters
      .filter((one) => one.text.includes(words))
      .sort((a, b) => a.dead - b.dead || order.compare(a, b) || a.layer - b.layer || a.filter - b.filter);
  };

  class Grid {
    constructor(name, onchoose) {
      this.onchoose = onchoose;
      this.items = [];
      this.root = element("div", { class: "grid", role: "group", "aria-label": name, tabindex: -1 });
      this.more = element("div", { class: "more" });
      new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.extend(BATCH),
        { root: this.root, rootMargin: "400px" }).observe(this.more);
      this.root.addEventListener("click", (event) => {
        const tile = event.target.closest(".tile");
        if (tile) onchoose(this.items[tile.dataset.place]);
      });
      this.root.addEventListener("keydown", (event) => this.key(event));
    }

    show(items, chosen) {
      if (this.items !== items) {
        this.items = items;
        this.root.replaceChildren(this.more);
        this.extend(BATCH);
        this.root.scrollTop = 0;
      }
      const place = items.indexOf(chosen);
      if (place >= this.root.children.length - 1) this.extend(place + 1);
      const focused = this.root.contains(document.activeElement);
      for (const tile of this.root.querySelectorAll('[aria-pressed="true"]')) mark(tile, false);
      const tile = this.root.children[Math.max(0, place)];
      if (!tile || tile === this.more) return;
      mark(tile, place >= 0);
      tile.tabIndex = 0;
      if (focused) tile.focus({ preventScroll: true });
      const { scrollTop, clientHeight } = this.root;
      const hidden = tile.offsetTop < scrollTop ||
        tile.offsetTop + tile.offsetHeight > scrollTop + clientHeight;
      if (hidden) this.root.scrollTop = tile.offsetTop - clientHeight / 2;
    }

    extend(count) {
      const first = this.root.children.length - 1;
      const next = this.items.slice(first, first + count).map((one, i) => tile(one, first + i));
      this.more.before(...next);
    }

    // Up and down walk by rows; left and right are walked for the whole page.
    key(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const place = +(event.target.dataset.place || -1);
      if (!step || place < 0) return;
      event.preventDefault();
      const tiles = [...this.root.querySelectorAll(".tile")];
      const columns = tiles.filter((one) => one.offsetTop === tiles[0].offsetTop).length;
      const next = this.items[place + step * columns];
      if (next) this.onchoose(next);
    }
  }

  function mark(tile, chosen) {
    tile.setAttribute("aria-pressed", chosen);
    tile.tabIndex = chosen ? 0 : -1;
  }

  function tile(one, place) {
    const facts = one.dead ? "dead on every clip" :
      `${one.main || "no common label"}, activation ${Gallery.words.activation(one.activation)}`;
    return element("button", {
      type: "button", class: one.dead ? "tile dead" : "tile", "aria-pressed": false, tabindex: -1,
      "aria-label": `Layer ${one.layer}, filter ${one.filter}: ${facts}`, title: facts, "data-place": place,
      style: one.dead ? null : Gallery.tileStyle(one.sheet, one.place, one.count),
    }, element("span", {}, one.dead ? `${one.filter} dead` : String(one.filter)));
  }

  Gallery.Grid = Grid;
})(window.Gallery);
