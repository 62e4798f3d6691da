"use strict";
// The filters of a model: loaded a layer at a time, searched, ordered, described.
(function (Gallery) {
  const { words } = Gallery;

  /**
   * @param {"activation" | "label_purity" | "coherence" | "flatness"} name
   * @param {1 | -1} sign
   * @returns {Sort["compare"]}
   */
  const by = (name, sign) => (one, other) => {
    const a = one[name], b = other[name];
    // Unknown values, those of dead filters, last in either direction.
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * (a - b);
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

  /** @type {Map<string, Promise<Filter[]>>} */
  const tables = new Map();

  // The filters of a layer, a promise of objects in the order of their numbers.
  Gallery.filters = function (model, layer) {
    const key = `models/${model}/layer-${layer}`;
    const filters = tables.get(key) || Gallery.load(key).then((table) => unpacked(model, layer, table));
    tables.set(key, filters);
    return filters;
  };

  /**
   * @param {string} model
   * @param {number} layer
   * @param {LayerTable} table
   * @returns {Filter[]}
   */
  function unpacked(model, layer, table) {
    const sheets = `models/${model}/layer-${layer}`;
    return table.filter.map(function (filter, place) {
      const columns = Object.entries(table).map(([name, values]) => [name, values[place]]);
      /** @type {Filter} */
      const one = Object.assign(Object.fromEntries(columns),
        { model, layer, filter, place, count: table.filter.length, sheets });
      // Clips on which it is silent are in no order, and say nothing about it.
      const labels = new Set(one.top.flatMap(([, own, , , silent]) => (silent ? [] : own)));
      const main = one.dead ? "" : one.main;
      one.text = [main, ...[...labels].map((i) => Gallery.catalogue.labels[i])].join("\n").toLowerCase();
      return one;
    });
  }

  // Those that match `query` (in a label of a top clip), in the order called `sort`, dead ones last.
  Gallery.arranged = function (filters, query, sort) {
    const wanted = query.trim().toLowerCase();
    const order = Gallery.SORTS.find((one) => one.name === sort) || Gallery.SORTS[0];
    return filters
      .filter((one) => one.text.includes(wanted))
      .sort((a, b) => Number(a.dead) - Number(b.dead) || order.compare(a, b) || a.layer - b.layer || a.filter - b.filter);
  };

  // The note above the overview of `found`, those of `filters` that match `query`.
  Gallery.overviewNote = function (filters, found, query, where) {
    if (!filters.length) return `This network has no ${where}.`;
    const dead = filters.filter((one) => one.dead).length;
    const wanted = query.trim();
    const searched = wanted ? `${found.length} of ${filters.length} filters match “${wanted}”` : `${filters.length} filters`;
    return `${searched}, ${where}; ${dead} dead. Each picture shows the sonification of the filter’s first clip.`;
  };

  // What a card shows of filter `one` on its clip of `rank`; onpick(rank): another was chosen.
  Gallery.filterContent = function (one, rank, onpick) {
    const [clip, , activation, seconds, silent, alone] = one.top[rank - 1];
    const place = `models/${one.model}/${one.layer}/${one.filter}`;
    return {
      key: `${place}/${rank}`,
      title: `Layer ${one.layer}, filter ${one.filter}`,
      link: "#" + Gallery.path({ ...one, rank }),
      facts: [
        ["main label", one.dead ? "none: dead" : one.main || "no common label"],
        ["purity", words.share(one.label_purity)],
        ["active on", `${one.active} of ${one.clips} clips`],
        ["coherence", words.measure(one.coherence)],
        ["flatness", words.measure(one.flatness)],
        ["centroid", words.hertz(one.centroid_hz)],
        ["bandwidth", words.hertz(one.bandwidth_hz)],
      ],
      takesName: "Clips that excite it most",
      takes: one.top.map(function (take, i) {
        const labels = take[1].map((label) => Gallery.catalogue.labels[label]).join(", ") || "no label";
        const choose = () => onpick(i + 1);
        const note = take[4] && !one.dead ? " (silent)" : "";
        return { name: `${i + 1} ${labels}${note}`, label: labels + note, chosen: i + 1 === rank, choose };
      }),
      clip: () => Gallery.load(`clips/${clip}`),
      signal: () => Gallery.load(place).then((signals) => signals[rank - 1]),
      seconds: silent ? null : seconds,
      activation,
      alone: alone && inWords(alone),
    };
  };

  /**
   * How strongly its sonification alone excites a filter, beside noise with the same spectrum, and
   * how much of it is in one source.
   * @param {Alone} alone
   */
  function inWords([response, rank, noise, noiseRank, count, share, clipShare]) {
    const said = [
      `On its own, the sonification excites this filter to ${words.share(response)} of its activity on `
      + `the clip, rank ${rank} of ${count}; the surrogate to ${words.share(noise)}, rank ${noiseRank}. `];
    if (share !== null) said.push(
      `${words.share(share)} of its power is in one source of the clip (of the clip itself, `
      + `${words.share(clipShare)}). `);
    return said;
  }
})(window.Gallery);
