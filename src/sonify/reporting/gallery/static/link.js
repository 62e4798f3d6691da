"use strict";
// The address after # holds the whole state:
//   #model/layer/filter/rank              what is looked at; the rank may be left out: 1
//   #model/layer                          the first filter of a layer, or a layer the model lacks
//   #evolution/model/inputs/layer/filter/epoch
//   ?with=model/layer/filter/rank         what stands beside it
//   &view=all &q=words &sort=order
(function (Gallery) {
  const SHOWN = /^([^/]+)\/(\d+)(?:\/(\d+)(?:\/(\d+))?)?$/;
  const EVOLVED = /^evolution\/([^/]+)\/([^/]+)\/(\d+)\/(\d+)\/(\d+)$/;

  /** @param {string} text */
  function shown(text) {
    const found = SHOWN.exec(text);
    return found && {
      model: decoded(found[1]), layer: +found[2],
      filter: found[3] === undefined ? null : +found[3], rank: +(found[4] || 1),
    };
  }

  /**
   * Text of an address, or as it stands if somebody broke it.
   * @param {string} text
   */
  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  Gallery.path = (one) =>
    [encodeURIComponent(one.model), one.layer, ...(one.filter === null ? [] : [one.filter, one.rank])]
      .join("/");

  Gallery.evolutionPath = (one) =>
    ["evolution", encodeURIComponent(one.model), one.inputs, one.layer, one.filter, one.epoch]
      .join("/");

  // {path, main, evolved, beside, view, query, sort} of an address; what it does not say is null.
  Gallery.parseLink = function (hash) {
    const [path, rest] = hash.replace(/^#/, "").split(/\?(.*)/s);
    const words = new URLSearchParams(rest || "");
    const evolved = EVOLVED.exec(path);
    return {
      path,
      main: shown(path),
      evolved: evolved && {
        model: decoded(evolved[1]), inputs: evolved[2],
        layer: +evolved[3], filter: +evolved[4], epoch: +evolved[5],
      },
      beside: words.getAll("with").map(shown).filter((one) => one !== null),
      view: words.get("view"),
      query: words.get("q") || "",
      sort: words.get("sort"),
    };
  };

  // Put into `state` what an address says. `columns` have models, `evolutions` are those to step
  // through. Returns words for each thing that is not in this gallery.
  Gallery.obey = function (found, state, columns, layers, evolutions) {
    /** @type {string[]} */
    const lost = [];
    const named = new Set();
    const known = found.main || found.evolved || ["", "evolution"].includes(found.path);
    if (!known) lost.push(`“${decoded(found.path)}”`);
    state.active = 0;
    for (const one of [...found.beside, ...(found.main ? [found.main] : [])]) {
      const index = columns.findIndex((column) => column.models.some((m) => m.name === one.model));
      if (index < 0) lost.push(`model ${one.model}`);
      else {
        state.columns[index] = { ...one };
        named.add(state.columns[index]);
        if (one === found.main) state.active = index;
      }
    }
    state.view = found.view;
    state.query = found.query;
    state.sort = (Gallery.SORTS.find((one) => one.name === found.sort) || Gallery.SORTS[0]).name;
    const { layer } = found.main || state.columns[state.active];
    if (layer !== null && !layers.includes(layer)) lost.push(`layer ${layer}`);
    state.layer = layer !== null && layers.includes(layer) ? layer : layers[0];
    for (const own of state.columns) {
      // One layer is shown at a time: what was chosen of another one has no place.
      if (state.view === "all" || own.layer === state.layer) continue;
      const there = own.layer !== null && layers.includes(own.layer);
      if (named.has(own) && there) lost.push(`layer ${own.layer} beside layer ${state.layer}`);
      Object.assign(own, { layer: state.layer, filter: null, rank: 1 });
    }
    const { evolved } = found;
    if (evolved) {
      const index = evolutions.findIndex((one) => one.model === evolved.model &&
        one.inputs === evolved.inputs && one.layer === evolved.layer && one.filter === evolved.filter);
      if (index < 0) lost.push("that evolution");
      else {
        state.active = columns.length;
        state.evolved = { index, epoch: evolved.epoch };
      }
    }
    return lost;
  };

  Gallery.formatLink = function (path, beside, state) {
    const words = new URLSearchParams();
    for (const one of beside) words.append("with", Gallery.path(one));
    if (state.view === "all") words.set("view", "all");
    if (state.query) words.set("q", state.query);
    if (state.sort !== Gallery.SORTS[0].name) words.set("sort", state.sort);
    const text = words.toString();
    return "#" + path + (text ? "?" + text : "");
  };

  // The address in step with the state. What was visited stays on the way back; what was not gives
  // way to the next address: the letters of a search, a state that never was drawn.
  class Address {
    constructor() {
      this.seen = "";
      this.visited = false;
    }

    // Whether somebody else wrote the address since: a link, or the way back.
    get foreign() {
      return location.hash !== this.seen;
    }

    read() {
      return (this.seen = location.hash);
    }

    // Somebody else's address is left to its own event, which draws what it names.
    /** @param {string} link */
    put(link) {
      if (!this.foreign && link !== this.seen) {
        if (this.visited) location.hash = link;
        else location.replace(link);
        this.read();
      }
      this.visited = false;
    }
  }
  Gallery.Address = Address;
})(window.Gallery);
