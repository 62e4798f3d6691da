"use strict";
// A card lets one hear and see one filter on one of several clips (its takes).
(function (Gallery) {
  const { element, choice, words } = Gallery;
  const NAMES = { input: "Input", sonification: "Sonification", residual: "Residual", surrogate: "Surrogate" };

  class Card {
    /**
     * @param {string} regime
     * @param {(card: Card) => void} onactive the user turned to this card
     */
    constructor(regime, onactive) {
      this.regime = regime;
      this.onactive = onactive;
      /** @type {Tracks | null} */
      this.tracks = null;
      /** @type {string | null} */
      this.key = null;
      this.turn = 0;
      this.heard = false;
      /** @type {Source | null} */
      this.drawn = null;
      this.sized = new ResizeObserver(() => this.draw());
      this.root = element("article", { class: `card ${regime}` });
      this.root.addEventListener("pointerdown", () => {
        this.heard = Gallery.activeCard === this && Gallery.player.playing;
        onactive(this);
      }, true);
      this.root.addEventListener("focusin", () => onactive(this));
      this.head = element("h3", {});
      this.facts = element("dl", { class: "facts" });
      this.takes = element("div", { class: "takes buttons", role: "group" });
      this.canvases = Gallery.SOURCES.map((name) => element("canvas", { role: "img", class: name }));
      this.switches = Gallery.SOURCES.map((name, i) =>
        choice(NAMES[name], false, () => this.choose(name), { class: "source", "aria-keyshortcuts": i + 1 }));
      this.wave = element("canvas", { role: "img", class: "wave" });
      this.playhead = element("div", { class: "playhead" });
      this.maximum = element("div", { class: "maximum", title: "largest activation" });
      this.screen = element("div", { class: "screen", onpointerdown: (event) => this.point(event) },
        ...this.canvases.map((canvas, i) =>
          element("div", { class: "strip" }, canvas, this.switches[i])),
        this.wave, this.maximum, this.playhead);
      this.playButton = element("button", {
        type: "button", class: "play", "aria-keyshortcuts": "Space", onclick: (event) => this.toggle(event.detail > 0),
      }, "Play");
      this.slider = element("input", {
        type: "range", min: 0, step: 0.01, value: 0, oninput: () => this.seek(+this.slider.value),
      });
      this.clock = element("span", { class: "clock" });
      this.about = element("p", { class: "about soft" });
      this.problem = element("p", { class: "problem", role: "alert" });
      this.transport = element("div", { class: "transport" }, this.playButton, this.slider, this.clock);
      this.root.append(this.head, this.facts, this.takes, this.problem, this.screen, this.transport,
        this.about);
      this.sized.observe(this.screen);
    }

    /** @param {Content} content */
    async show(content) {
      if (this.key === content.key) return;
      this.key = content.key;
      const turn = ++this.turn;
      this.empty(false);
      this.head.replaceChildren(element("a", { href: content.link }, content.title));
      this.root.setAttribute("aria-label", `${this.regime}: ${content.title}`);
      this.facts.replaceChildren(...content.facts.flatMap(([name, value]) =>
        [element("div", {}, element("dt", {}, name), element("dd", {}, value))]));
      this.showTakes(content);
      this.slider.setAttribute("aria-label", `Position, ${content.title}`);
      this.problem.textContent = "";
      try {
        const [clip, signal] = await Promise.all([content.clip(), content.signal()]);
        const tracks = await Gallery.tracks(clip, signal);
        if (turn !== this.turn) return;
        this.tracks = tracks;
        this.describe(clip, signal, content, tracks);
      } catch (error) {
        if (turn !== this.turn) return;
        this.tracks = null;
        this.problem.textContent = /** @type {Error} */ (error).message;
      }
      this.draw();
      if (Gallery.activeCard === this) Gallery.player.load(this.tracks);
      this.update();
      this.root.dataset.ready = content.key;
    }

    /**
     * Say in words that there is nothing to play.
     * @param {string} text
     */
    clear(text) {
      this.key = null;
      this.turn++;
      this.tracks = null;
      this.empty(true);
      this.root.setAttribute("aria-label", `${this.regime}: ${text}`);
      for (const part of [this.facts, this.about, this.problem]) part.replaceChildren();
      this.head.replaceChildren(text);
      if (Gallery.activeCard === this) Gallery.player.load(null);
      this.update();
      this.root.dataset.ready = "nothing";
    }

    /** @param {boolean} whether */
    empty(whether) {
      for (const part of [this.takes, this.screen, this.transport]) part.hidden = whether;
    }

    /** @param {Content} content */
    showTakes(content) {
      const focused = this.takes.contains(document.activeElement);
      this.takes.setAttribute("aria-label", content.takesName);
      this.takes.replaceChildren(...content.takes.map((take) =>
        choice(element("span", {}, take.name), take.chosen, take.choose,
          { style: take.style, class: take.class, title: take.label })));
      const chosen = this.takes.querySelector('[aria-pressed="true"]');
      if (!(chosen instanceof HTMLElement)) return;
      this.takes.scrollLeft = chosen.offsetLeft - this.takes.clientWidth / 2;
      if (focused) chosen.focus({ preventScroll: true });
    }

    /**
     * @param {Clip} clip
     * @param {Signal} signal
     * @param {Content} content
     * @param {Tracks} tracks
     */
    describe(clip, signal, content, tracks) {
      const spoken = clip.labels.length ? clip.labels.join(", ") : "no label";
      Gallery.SOURCES.forEach((name, i) => this.canvases[i].setAttribute(
        "aria-label", `Spectrogram of the ${name}, 0 to 4 kHz, ${spoken}`));
      this.wave.setAttribute("aria-label", "Waveform of the input and, over it, of what is played");
      const duration = clip.samples / Gallery.catalogue.rate;
      this.slider.max = String(duration);
      this.maximum.hidden = content.seconds === null;
      if (content.seconds !== null) this.maximum.style.left = `${(100 * content.seconds) / duration}%`;
      /** @type {(Node | string)[]} */
      const parts = [element("strong", {}, spoken), ". "];
      if (!signal) parts.push("The sonification of this clip is silence. ");
      else {
        parts.push(`Activation ${words.activation(content.activation)}`);
        parts.push(content.seconds === null ? ". " : ` at ${content.seconds.toFixed(2)} s (▾). `);
      }
      if (signal && content.alone) parts.push(...content.alone);
      const level = Gallery.level(tracks);
      if (level < 1) parts.push(`Its sounds play at ${words.share(level)} of their level, so that none of them clips. `);
      parts.push(`Clip ${clip.id}, ${clip.set}`);
      const credits = { by: clip.uploader, licence: clip.licence, source: clip.source_url };
      for (const [name, text] of Object.entries(credits)) {
        if (text) parts.push(`; ${name} `, credit(text));
      }
      this.about.replaceChildren(...parts, ".");
    }

    draw() {
      if (!this.screen.clientWidth) return;
      const silent = new Float32Array(1);
      const signals = Gallery.SOURCES.map((name) => (this.tracks ? this.tracks[name] : silent));
      Gallery.drawSpectrograms(this.canvases, signals);
      this.drawWave();
    }

    drawWave() {
      const style = getComputedStyle(this.root);
      Gallery.drawWaveforms(this.wave, this.tracks ? [
        [this.tracks.input, style.getPropertyValue("--faint")],
        [this.tracks[Gallery.player.source], style.getPropertyValue("--accent")],
      ] : []);
    }

    // Bring controls in line with the player.
    update() {
      const player = Gallery.player, own = Gallery.activeCard === this;
      const playing = own && player.playing;
      this.root.classList.toggle("active", own);
      this.playButton.textContent = playing ? "Pause" : "Play";
      this.playButton.disabled = !this.tracks;
      this.switches.forEach((button, i) =>
        button.setAttribute("aria-pressed", String(Gallery.SOURCES[i] === player.source)));
      if (this.drawn !== player.source) this.drawWave();
      this.drawn = player.source;
      this.tick();
    }

    tick() {
      const time = Gallery.activeCard === this ? Gallery.player.time : 0;
      const duration = this.tracks ? this.tracks.input.length / Gallery.catalogue.rate : 0;
      this.slider.value = String(time);
      this.slider.setAttribute("aria-valuetext", `${time.toFixed(1)} seconds`);
      this.clock.textContent = `${time.toFixed(1)} / ${words.clock(duration)}`;
      this.playhead.style.left = `${duration ? (100 * time) / duration : 0}%`;
    }

    /**
     * A pointer means what it saw: turning to the card, as it did before its click, may have set it playing.
     * @param {boolean} pointed
     */
    toggle(pointed) {
      this.onactive(this);
      if (pointed && !this.heard) Gallery.player.play();
      else Gallery.player.toggle();
    }

    /** @param {number} time */
    seek(time) {
      this.onactive(this);
      Gallery.player.seek(time);
    }

    /** @param {Source} source */
    choose(source) {
      this.onactive(this);
      Gallery.player.choose(source);
    }

    /** @param {PointerEvent} event */
    point(event) {
      const target = /** @type {Element} */ (event.target);
      if (event.button || target.closest("button") || !this.tracks) return;
      const box = this.screen.getBoundingClientRect();
      const duration = this.tracks.input.length / Gallery.catalogue.rate;
      this.seek(((event.clientX - box.left) / box.width) * duration);
    }
  }

  /**
   * Text, as a link where it leads to the web.
   * @param {string} text
   */
  function credit(text) {
    if (!/^https?:\/\//i.test(text)) return text;
    return element("a", { href: text, rel: "noopener noreferrer external" }, text);
  }

  Gallery.Card = Card;
})(window.Gallery);
