"use strict";
// The page: one column a regime, the state in the address, the keys.
(function (Gallery) {
  const { element, choice } = Gallery;
  /**
   * The element of this id in index.html; its inputs by `field`.
   * @param {string} id
   */
  const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
  /** @param {"query" | "sort"} id */
  const field = (id) => /** @type {HTMLInputElement | HTMLSelectElement} */ (find(id));
  /** @type {State} */
  const state = { layer: null, view: null, query: "", sort: "", columns: [], active: 0, evolved: null };
  /**
   * @typedef {{ models: Model[], card: Card, grid: Grid, note: HTMLElement,
   *   picker: HTMLSelectElement, items: Filter[], key: string | null }} Column
   */
  /** @type {Column[]} */
  const columns = [];
  const address = new Gallery.Address();
  /** @type {Evolution | null} */
  let evolution = null;
  /** @type {Promise<void> | null} */
  let drawn = null;
  let turns = 0, loop = 0, typing = false;

  Gallery.load("catalogue").then(start).catch((error) => say(error.message));

  /** @param {string} text */
  function say(text) {
    find("message").textContent = text;
  }

  /** @param {Catalogue} catalogue */
  function start(catalogue) {
    Gallery.catalogue = catalogue;
    find("scale").textContent = `${catalogue.scale[0].toUpperCase()}${catalogue.scale.slice(1)}.`;
    find("sound-notes").textContent = catalogue.audio === "flac"
      ? "Sounds are stored without loss: the residual is exact to 16 bits."
      : "Sonifications are stored with lossy compression: residuals contain traces of it.";
    find("labels").append(...catalogue.labels.map((label) => element("option", { value: label })));
    find("sort").append(...Gallery.SORTS.map((one) => element("option", { value: one.name }, one.words)));
    const regimes = [...new Set(catalogue.models.map((model) => model.regime))];
    for (const regime of regimes) addColumn(regime, catalogue.models.filter((m) => m.regime === regime));
    addEvolution(catalogue.evolution);
    listen();
    restore();
  }

  /**
   * @param {string} regime
   * @param {Model[]} models
   */
  function addColumn(regime, models) {
    const index = columns.length;
    const card = new Gallery.Card(regime, () => activate(index));
    const grid = new Gallery.Grid(`Overview, ${regime}`, (one) => chooseFilter(index, one));
    const note = element("p", { class: "note soft", "aria-live": "polite" });
    const picker = element("select", { "aria-label": `Model, ${regime}`, onchange: () => pickModel(index, picker.value) },
      ...models.map((model) => element("option", { value: model.name }, model.name)));
    find("columns").append(element("section", { class: `column ${regime}`, "aria-label": regime },
      element("h2", {}, regime, models.length > 1 ? picker : element("span", { class: "soft" }, models[0].name)),
      card.root, note, grid.root));
    columns.push({ models, card, grid, note, picker, items: [], key: null });
    state.columns.push({ model: models[0].name, layer: null, filter: null, rank: 1 });
  }

  /** @param {Evolved[]} list */
  function addEvolution(list) {
    if (!list.length) {
      find("evolution-body").append(element("p", {}, "No evolution was recorded."));
      return;
    }
    evolution = new Gallery.Evolution(list, evolve, () => activate(columns.length));
    find("evolution-body").append(evolution.root);
    state.evolved = { index: 0, epoch: null };
    new IntersectionObserver((seen) => {
      if (seen.some((one) => one.isIntersecting)) showEvolution();
    }, { rootMargin: "200px" }).observe(find("evolution"));
  }

  // The evolution's card, unless it is there already.
  async function showEvolution() {
    if (!evolution || evolution.card || !state.evolved) return;
    await evolution.show(state.evolved).catch((error) => say(error.message));
  }

  // --- state and address ------------------------------------------------------------------------

  function restore() {
    const found = Gallery.parseLink(address.read()), arriving = state.active !== columns.length;
    const lost = Gallery.obey(found, state, columns, layers(), evolution ? evolution.list : []);
    field("query").value = state.query;
    field("sort").value = state.sort;
    say("");
    address.visited = typing = false;
    drawn = render(lost);
    const there = found.path === "evolution" || (found.evolved && arriving);
    if (there) drawn.then(turnToEvolution);
  }

  // Its card makes room to scroll to, so it comes first.
  async function turnToEvolution() {
    await showEvolution();
    // What stands above may still grow: half a second's frames are enough.
    for (let frame = 0; frame < 30; frame++) {
      find("evolution").scrollIntoView({ behavior: "instant" });
      await new Promise(requestAnimationFrame);
    }
  }

  function layers() {
    const all = Gallery.catalogue.models.flatMap((model) => model.layers.map((one) => one[0]));
    return [...new Set(all)].sort((a, b) => a - b);
  }

  function record() {
    const beside = state.columns.filter((one, i) => i !== state.active && one.layer !== null);
    const { active, evolved } = state;
    const path = active === columns.length && evolution && evolved
      ? Gallery.evolutionPath({ ...evolution.list[evolved.index], epoch: evolved.epoch })
      : Gallery.path(state.columns[active]);
    address.put(Gallery.formatLink(path, beside, state));
  }

  /** @param {Partial<State>} what */
  function change(what) {
    Object.assign(state, what);
    say("");
    address.visited = true;
    typing = false;
    drawn = render([]);
  }

  // --- drawing ----------------------------------------------------------------------------------

  /** @param {string[]} lost what the address names and the gallery lacks */
  async function render(lost) {
    const turn = ++turns;
    const all = state.view === "all";
    const buttons = layers().map((layer) =>
      choice(String(layer), !all && layer === state.layer, () => pickLayer(layer), { "data-layer": layer }));
    const focused = find("layers").contains(document.activeElement);
    find("layers").replaceChildren(...buttons, choice("all", all, () => pickLayer(state.layer, "all"), {}));
    const pressed = find("layers").querySelector('[aria-pressed="true"]');
    if (focused && pressed instanceof HTMLElement) pressed.focus({ preventScroll: true });
    try {
      await Promise.all(columns.map((_, index) => renderColumn(index, turn, lost)));
      if (turn === turns && state.active === columns.length && evolution && state.evolved) {
        const { epoch } = state.evolved;
        await evolution.show(state.evolved);
        if (epoch !== null && epoch !== state.evolved.epoch) lost.push(`epoch ${epoch} of that evolution`);
      }
    } catch (error) {
      lost.push(/** @type {Error} */ (error).message);
    }
    if (turn !== turns) return;
    if (lost.length) say(`Not in this gallery: ${lost.join("; ")}.`);
    activate(state.active);
    record();
  }

  /**
   * @param {number} index
   * @param {number} turn
   * @param {string[]} lost
   */
  async function renderColumn(index, turn, lost) {
    const column = columns[index], own = state.columns[index];
    const model = column.models.find((one) => one.name === own.model) || column.models[0];
    column.picker.value = model.name;
    if (state.view !== "all") own.layer = state.layer;
    const shown = model.layers.filter(([layer]) => state.view === "all" || layer === own.layer);
    const lists = await Promise.all(shown.map(([layer]) => Gallery.filters(model.name, layer)));
    if (turn !== turns) return;
    const filters = lists.flat();
    const key = JSON.stringify([model.name, shown, state.query, state.sort]);
    if (column.key !== key) {
      column.key = key;
      column.items = Gallery.arranged(filters, state.query, state.sort);
    }
    let chosen = filters.find((one) => one.layer === own.layer && one.filter === own.filter);
    if (!chosen && own.filter !== null) lost.push(`filter ${own.filter} of layer ${own.layer}, ${model.name}`);
    chosen = chosen || column.items[0] || filters[0];
    const where = state.view === "all" ? "all layers" : `layer ${own.layer}`;
    column.note.textContent = Gallery.overviewNote(filters, column.items, state.query, where);
    column.grid.show(column.items, chosen);
    if (!chosen) {
      Object.assign(own, { filter: null, rank: 1 });
      column.card.clear(column.note.textContent);
      return;
    }
    const rank = Math.min(Math.max(1, own.rank), chosen.top.length);
    if (own.rank !== rank) lost.push(`clip ${own.rank} of filter ${chosen.filter} of layer ${chosen.layer}, ${model.name}`);
    Object.assign(own, { layer: chosen.layer, filter: chosen.filter, rank });
    column.card.show(Gallery.filterContent(chosen, own.rank, (rank) => pickTake(index, rank)));
  }

  // --- what users do ----------------------------------------------------------------------------

  /**
   * Turn to the card of a column, or to that of the evolution.
   * @param {number} index
   */
  function activate(index) {
    const card = index === columns.length ? evolution && evolution.card : columns[index].card;
    if (!card) return;
    if (index !== state.active) change({ active: index });
    if (Gallery.activeCard !== card) {
      Gallery.activeCard = card;
      Gallery.player.load(card.tracks);
    }
  }

  /**
   * @param {number} index
   * @param {Filter} one
   */
  function chooseFilter(index, one) {
    const own = state.columns[index];
    state.columns[index] = { ...own, layer: one.layer, filter: one.filter, rank: 1 };
    change({ active: index });
  }

  /**
   * @param {number} index
   * @param {number} rank
   */
  function pickTake(index, rank) {
    state.columns[index].rank = rank;
    change({ active: index });
  }

  /**
   * Other filters, or in another order: the first of each column are shown.
   * @param {Partial<State>} what
   */
  function rearrange(what) {
    for (const own of state.columns) Object.assign(own, { filter: null, rank: 1 });
    if (state.active === columns.length) state.active = 0;
    change(what);
  }

  /**
   * @param {number | null} layer
   * @param {string | null} [view]
   */
  const pickLayer = (layer, view = null) => rearrange({ layer, view });

  /**
   * @param {number} index
   * @param {string} model
   */
  function pickModel(index, model) {
    state.columns[index] = { model, layer: state.layer, filter: null, rank: 1 };
    change({ active: index });
  }

  /**
   * @param {number} index
   * @param {number | null} epoch
   */
  function evolve(index, epoch) {
    state.evolved = { index, epoch };
    change({ active: columns.length });
  }

  // Fast fingers may be ahead of the files.
  async function settled() {
    /** @type {typeof drawn} */
    let seen = null;
    for (; seen !== drawn; await seen) seen = drawn;
  }

  // Keys that move take turns, each after what the one before it shows is drawn.
  let line = Promise.resolve();
  /** @param {() => void} move */
  function inTurn(move) {
    return () => { line = line.then(settled).then(move).catch((error) => say(error.message)); };
  }

  /**
   * To the neighbour of the chosen filter in the overview, or of the chosen checkpoint.
   * @param {1 | -1} step
   */
  function walk(step) {
    if (state.active === columns.length) return walkTakes(step);
    const { items } = columns[state.active], own = state.columns[state.active];
    const at = items.findIndex((one) => one.layer === own.layer && one.filter === own.filter);
    const next = items[at + step];
    if (next) chooseFilter(state.active, next);
  }

  /** @param {1 | -1} step */
  function walkTakes(step) {
    if (!Gallery.activeCard) return;
    const takes = [...Gallery.activeCard.takes.querySelectorAll("button")];
    const next = takes[takes.findIndex((one) => one.getAttribute("aria-pressed") === "true") + step];
    if (next) next.click();
  }

  // From the search into what it found, where the keys walk.
  async function enterOverview() {
    await settled();
    const { items, grid } = columns[Math.min(state.active, columns.length - 1)];
    const tile = grid.root.querySelector('.tile[tabindex="0"]');
    if (items.length && tile instanceof HTMLElement) tile.focus();
  }

  /** @param {1 | -1} step */
  function walkLayers(step) {
    const all = layers(), own = state.columns[state.active];
    const at = state.view === "all" && own ? own.layer : state.layer; // of all: from that of the filter
    const next = at === null ? undefined : all[all.indexOf(at) + step];
    if (next !== undefined) pickLayer(next);
  }

  function walkRegimes() {
    activate((state.active + 1) % columns.length);
    columns[state.active].card.root.scrollIntoView({ block: "nearest" });
  }

  const COMMANDS = {
    ArrowLeft: inTurn(() => walk(-1)), ArrowRight: inTurn(() => walk(1)),
    ",": inTurn(() => walkTakes(-1)), ".": inTurn(() => walkTakes(1)),
    "[": inTurn(() => walkLayers(-1)), "]": inTurn(() => walkLayers(1)),
    s: inTurn(() => walkRegimes()),
    "/": () => find("query").focus(),
    " ": () => Gallery.player.toggle(),
    1: () => Gallery.player.choose("input"),
    2: () => Gallery.player.choose("sonification"),
    3: () => Gallery.player.choose("residual"),
    4: () => Gallery.player.choose("surrogate"),
  };

  function listen() {
    Gallery.listenToKeys(COMMANDS);
    window.addEventListener("hashchange", () => address.foreign && restore());
    find("controls").addEventListener("submit", (event) => {
      event.preventDefault();
      enterOverview();
    });
    find("query").addEventListener("input", () => {
      const first = !typing || address.visited;
      rearrange({ query: field("query").value });
      address.visited = first; // one step back for a search, not one for each of its letters
      typing = true;
    });
    find("query").addEventListener("blur", () => (typing = false));
    find("sort").addEventListener("change", () => rearrange({ sort: field("sort").value }));
    find("to-evolution").addEventListener("click", (event) => {
      event.preventDefault(); // the address is the state's
      turnToEvolution();
      if (evolution) evolution.picker.focus({ preventScroll: true });
    });
    const cards = () => [...columns.map((column) => column.card), ...(evolution ? evolution.cards.values() : [])];
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => cards().forEach((card) => card.draw()));
    Gallery.player.onchange = function () {
      cards().forEach((card) => card.update());
      if (Gallery.player.playing && !loop) loop = requestAnimationFrame(tick);
    };
  }

  function tick() {
    loop = 0;
    if (Gallery.activeCard) Gallery.activeCard.tick();
    if (Gallery.player.playing) loop = requestAnimationFrame(tick);
  }
})(window.Gallery);
