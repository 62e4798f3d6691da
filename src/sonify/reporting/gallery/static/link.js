"use strict";
// The address after # holds the whole state:
//   #model/layer/filter/rank              what is looked at
//   #evolution/model/inputs/layer/filter/epoch
//   ?with=model/layer/filter/rank         what stands beside it
//   &view=all &q=words &sort=order
(function (Gallery) {
  const SHOWN = /^([^/]+)\/(\d+)\/(\d+)\/(\d+)$/;
  const EVOLVED = /^evolution\/([^/]+)\/([^/]+)\/(\d+)\/(\d+)\/(\d+)$/;

  function shown(text) {
    const found = SHOWN.exec(text);
    return found && {
      model: decoded(found[1]), layer: +found[2], filter: +found[3], rank: +found[4],
    };
  }

  // Text of an address, or as it stands if somebody broke it.
  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  Gallery.path = (one) =>
    [encodeURIComponent(one.model), one.layer, one.filter, one.rank].join("/");

  Gallery.evolutionPath = (one) =>
    ["evolution", encodeURIComponent(one.model), one.inputs, one.layer, one.filter, one.epoch]
      .join("/");

  // {main, evolved, beside, view, query, sort} of an address; what it does not say is null.
  Gallery.parseLink = function (hash) {
    const [path, rest] = hash.replace(/^#/, "").split(/\?(.*)/s);
    const words = new URLSearchParams(rest || "");
    const evolved = EVOLVED.exec(path);
    return {
      main: shown(path),
      evolved: evolved && {
        model: decoded(evolved[1]), inputs: evolved[2],
        layer: +evolved[3], filter: +evolved[4], epoch: +evolved[5],
      },
      beside: words.getAll("with").map(shown).filter(Boolean),
      view: words.get("view"),
      query: words.get("q") || "",
      sort: words.get("sort"),
    };
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
      this.link = "";
      this.visited = false;
    }

    // Whether somebody else wrote the address: a link, or the way back.
    get foreign() {
      return location.hash !== this.link;
    }

    put(link) {
      this.link = link;
      if (this.foreign) {
        if (this.visited) location.hash = link;
        else location.replace(link);
      }
      this.visited = false;
    }
  }
  Gallery.Address = Address;
})(window.Gallery);
