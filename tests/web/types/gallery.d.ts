// Types of what the gallery's scripts share: the data files that gallery/build.py writes, and the
// namespace window.Gallery. The page loads its scripts one after the other, without modules.

type Source = "input" | "sonification" | "residual" | "surrogate";
type Tracks = Record<Source, Float32Array<ArrayBuffer>>;
/** Sound file in base64 and the peak it stands for; null for silence. */
type Signal = [sound: string, peak: number] | null;
type Measure = number | null;
/** How far a sonification excites its filter, beside noise like it, and what share is one source. */
type Alone = [response: Measure, rank: Measure, noise: Measure, noiseRank: Measure, count: number,
  share: Measure, clipShare: Measure];
/** One of a filter's top clips: its number, its labels' positions, and the map's maximum on it. */
type Take = [clip: number, labels: number[], activation: number, seconds: number, silent: boolean,
  alone: Alone | null];

interface Clip {
  id: string;
  set: string;
  labels: string[];
  samples: number;
  sound: string;
  source_url: string;
  uploader: string;
  licence: string;
}

/** data/models/<model>/layer-<layer>.js: a layer's filters in columns. */
interface LayerTable {
  filter: number[];
  dead: boolean[];
  main: string[];
  active: number[];
  clips: number[];
  activation: Measure[];
  label_purity: Measure[];
  coherence: Measure[];
  flatness: Measure[];
  centroid_hz: Measure[];
  bandwidth_hz: Measure[];
  top: Take[][];
}

interface Filter {
  model: string;
  layer: number;
  filter: number;
  /** Its tile: at `place` of the `count` in `sheets`. */
  place: number;
  count: number;
  sheets: string;
  /** The labels that a search looks through. */
  text: string;
  dead: boolean;
  main: string;
  active: number;
  clips: number;
  activation: Measure;
  label_purity: Measure;
  coherence: Measure;
  flatness: Measure;
  centroid_hz: Measure;
  bandwidth_hz: Measure;
  top: Take[];
}

interface Model {
  name: string;
  regime: string;
  layers: [layer: number, filters: number, dead: number][];
}

/** A filter whose training can be stepped through, and data/evolution/<index>.js: its checkpoints. */
interface Evolved {
  model: string;
  inputs: string;
  layer: number;
  filter: number;
  regime: string;
}

interface Checkpoint {
  epoch: number;
  clip: number;
  activation: number;
  change: Measure;
  signal: Signal;
}

/** data/catalogue.js */
interface Catalogue {
  scale: string;
  rate: number;
  range: number;
  audio: "flac" | "opus";
  palette: string;
  sheet: [columns: number, each: number];
  labels: string[];
  models: Model[];
  evolution: Evolved[];
}

/** What a card shows of one filter on one clip. */
interface Content {
  key: string;
  title: string;
  link: string;
  facts: [name: string, value: string][];
  takesName: string;
  takes: TakeButton[];
  clip: () => Promise<Clip>;
  signal: () => Promise<Signal>;
  /** Time of the map's maximum. */
  seconds: number | null;
  activation: number;
  /** What is known of how specific the sonification is. */
  alone?: string[] | null;
}

interface TakeButton {
  name: string;
  label: string;
  chosen: boolean;
  choose: () => void;
  class?: string;
  style?: string;
}

/** A filter's place in an address; filter is null for the first of its layer. */
interface Place {
  model: string;
  layer: number;
  filter: number | null;
  rank: number;
}

/** What one column of the page shows; layer is null until the address is read. */
interface Chosen extends Omit<Place, "layer"> {
  layer: number | null;
}

interface State {
  layer: number | null;
  view: string | null;
  query: string;
  sort: string;
  columns: Chosen[];
  /** Index of the column turned to; one beyond them is the evolution. */
  active: number;
  evolved: EvolvedState | null;
}

interface EvolvedState {
  index: number;
  epoch: number | null;
}

interface Link {
  path: string;
  main: Place | null;
  evolved: (Omit<Evolved, "regime"> & { epoch: number }) | null;
  beside: Place[];
  view: string | null;
  query: string;
  sort: string | null;
}

interface Sort {
  name: string;
  words: string;
  compare: (a: Filter, b: Filter) => number;
}

interface Card {
  root: HTMLElement;
  takes: HTMLElement;
  tracks: Tracks | null;
  show(content: Content): Promise<void>;
  clear(text: string): void;
  draw(): void;
  update(): void;
  tick(): void;
}

interface Grid {
  root: HTMLElement;
  show(items: Filter[], chosen: Filter | undefined): void;
}

interface Evolution {
  root: HTMLElement;
  picker: HTMLSelectElement;
  list: Evolved[];
  card: Card | null;
  cards: Map<string, Card>;
  show(wanted: EvolvedState): Promise<void>;
}

interface Address {
  read(): string;
  visited: boolean;
  readonly foreign: boolean;
  put(link: string): void;
}

interface Player {
  source: Source;
  readonly playing: boolean;
  readonly duration: number;
  readonly time: number;
  onchange: () => void;
  load(tracks: Tracks | null): void;
  play(): void;
  pause(): void;
  toggle(): void;
  seek(time: number): void;
  choose(source: Source): void;
}

type Attributes = Record<string, string | number | boolean | null | undefined | ((event: any) => void)>;
type Child = Node | string | null;

interface Gallery {
  catalogue: Catalogue;
  activeCard: Card | null;
  player: Player;
  SOURCES: Source[];
  SORTS: Sort[];

  put(key: string, value: unknown): void;
  load(key: string): Promise<any>;
  address(key: string, ending: string): string;

  decode(text: string, peak: number, length: number): Promise<Float32Array<ArrayBuffer>>;
  tracks(clip: Clip, signal: Signal): Promise<Tracks>;
  level(tracks: Tracks): number;

  fourier(size: number): { reversed: Uint32Array; run(re: Float64Array, im: Float64Array): void };
  surrogate(x: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer>;

  spectrogram(x: Float32Array, columns: number): Float32Array;
  drawSpectrograms(canvases: HTMLCanvasElement[], signals: Float32Array[]): void;
  drawWaveforms(canvas: HTMLCanvasElement, waves: [x: Float32Array, colour: string][]): void;

  path(place: Chosen): string;
  evolutionPath(one: Omit<Evolved, "regime"> & { epoch: number | null }): string;
  parseLink(hash: string): Link;
  obey(found: Link, state: State, columns: { models: Model[] }[], layers: number[], evolutions: Evolved[]): string[];
  formatLink(path: string, beside: Chosen[], state: State): string;
  Address: new () => Address;

  element<K extends keyof HTMLElementTagNameMap>(
    tag: K, attributes: Attributes, ...children: Child[]): HTMLElementTagNameMap[K];
  choice(words: Child, chosen: boolean, onclick: () => void, attributes?: Attributes): HTMLButtonElement;
  words: Record<"measure" | "share" | "hertz" | "activation", (value: Measure) => string> & {
    clock(seconds: number): string;
  };
  tileStyle(key: string, place: number, count: number): string;

  filters(model: string, layer: number): Promise<Filter[]>;
  arranged(filters: Filter[], query: string, sort: string): Filter[];
  overviewNote(filters: Filter[], found: Filter[], query: string, where: string): string;
  filterContent(one: Filter, rank: number, onpick: (rank: number) => void): Content;

  Card: new (regime: string, onactive: (card: Card) => void) => Card;
  Grid: new (name: string, onchoose: (filter: Filter) => void) => Grid;
  Evolution: new (
    list: Evolved[], onpick: (index: number, epoch: number | null) => void, onactive: () => void) => Evolution;
  listenToKeys(commands: Record<string, () => void>): void;
}

interface Window {
  Gallery: Gallery;
}
