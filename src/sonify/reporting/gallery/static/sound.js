"use strict";
(function (Gallery) {
  const RAMP_S = 0.008; // long enough that switching does not click
  Gallery.SOURCES = ["input", "sonification", "residual", "surrogate"];

  // Samples of a base64 sound file, `length` of them; full scale stands for `peak`. Browsers differ
  // in whether that is 32767 or 32768, one step of 16 bits.
  Gallery.decode = async function (text, peak, length) {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    // A context at the sound's own rate: nothing is resampled.
    const context = new OfflineAudioContext(1, 1, Gallery.catalogue.rate);
    const buffer = await context.decodeAudioData(bytes.buffer).catch(() => {
      const opus = raw.startsWith("OggS");
      throw new Error(
        `this browser cannot decode ${opus ? "Opus" : "FLAC"}: use a recent Firefox, Chrome or Edge`
        + (opus ? ", or make the gallery anew with reporting.gallery.audio: flac" : ""),
      );
    });
    const samples = new Float32Array(length);
    const found = buffer.getChannelData(0).subarray(0, length);
    for (let i = 0; i < found.length; i++) samples[i] = found[i] * peak;
    return samples;
  };

  // Tracks of one clip: input, sonification (silence if null), what is left without it, and noise
  // like it.
  Gallery.tracks = async function (clip, signal) {
    const input = await Gallery.decode(clip.sound, 1, clip.samples);
    const sonification = signal
      ? await Gallery.decode(signal[0], signal[1], clip.samples)
      : new Float32Array(clip.samples);
    const residual = input.map((x, i) => x - sonification[i]);
    return { input, sonification, residual, surrogate: Gallery.surrogate(sonification) };
  };

  // Factor, at most 1, with which none of the tracks exceeds full scale, where it would be clipped.
  // One for all of them, so that switching compares like with like.
  Gallery.level = function (tracks) {
    let peak = 1;
    for (const name of Gallery.SOURCES) {
      for (const value of tracks[name]) peak = Math.max(peak, Math.abs(value));
    }
    return 1 / peak;
  };

  // Plays all tracks in step and lets one of them through, so that switching is seamless.
  class Player {
    constructor() {
      /** @type {Source} */
      this.source = "sonification";
      /** @type {Tracks | null} */
      this.tracks = null;
      this.level = 1;
      this.position = 0;
      /** @type {{ name: Source, node: AudioBufferSourceNode, gain: GainNode }[] | null} */
      this.nodes = null;
      /** @type {AudioContext | null} */
      this.context = null;
      this.started = 0;
      this.onchange = function () {};
    }

    get playing() {
      return this.nodes !== null;
    }

    get duration() {
      return this.tracks ? this.tracks.input.length / Gallery.catalogue.rate : 0;
    }

    get time() {
      if (!this.nodes || !this.context) return this.position;
      const passed = Math.max(0, this.context.currentTime - this.started);
      return Math.min(this.duration, this.position + passed);
    }

    /** @param {Tracks | null} tracks */
    load(tracks) {
      const playing = this.playing;
      this.pause();
      this.tracks = tracks;
      this.level = tracks ? Gallery.level(tracks) : 1;
      this.position = 0;
      if (playing && tracks) this.play();
      this.onchange();
    }

    play() {
      const { tracks } = this;
      if (!tracks || this.playing) return;
      const context = this.context || new AudioContext();
      this.context = context;
      context.resume();
      if (this.position >= this.duration) this.position = 0;
      const rate = Gallery.catalogue.rate;
      const nodes = Gallery.SOURCES.map((name) => {
        const track = tracks[name];
        const buffer = new AudioBuffer({ length: track.length, numberOfChannels: 1, sampleRate: rate });
        buffer.copyToChannel(track, 0);
        const node = new AudioBufferSourceNode(context, { buffer });
        const gain = new GainNode(context, { gain: name === this.source ? this.level : 0 });
        node.connect(gain).connect(context.destination);
        return { name, node, gain };
      });
      this.nodes = nodes;
      this.started = context.currentTime;
      nodes[0].node.onended = () => {
        if (this.nodes === nodes) this.stop(this.duration);
      };
      for (const one of nodes) one.node.start(this.started, this.position);
      this.onchange();
    }

    pause() {
      if (this.playing) this.stop(this.time);
    }

    /** @param {number} position */
    stop(position) {
      for (const one of this.nodes || []) {
        one.node.stop();
        one.gain.disconnect();
      }
      this.nodes = null;
      this.position = position;
      this.onchange();
    }

    toggle() {
      if (this.playing) this.pause();
      else this.play();
    }

    /** @param {number} time */
    seek(time) {
      const playing = this.playing;
      this.pause();
      this.position = Math.min(Math.max(0, time), this.duration);
      if (playing) this.play();
      this.onchange();
    }

    /** @param {Source} source */
    choose(source) {
      this.source = source;
      const now = this.context ? this.context.currentTime : 0;
      for (const one of this.nodes || []) {
        const level = one.name === source ? this.level : 0;
        one.gain.gain.setTargetAtTime(level, now, RAMP_S);
      }
      this.onchange();
    }
  }
  Gallery.player = new Player();
})(window.Gallery);
