"use strict";
(function (Gallery) {
  /**
   * Random numbers in [0, 1), the same for the same seed (mulberry32).
   * @param {number} seed
   */
  function uniform(seed) {
    return function () {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /** @param {Float32Array} x */
  const energy = (x) => x.reduce((sum, value) => sum + value * value, 0);

  // Noise with the spectrum of x, (time,), and its energy: the same magnitudes, random phases.
  Gallery.surrogate = function (x) {
    const noise = new Float32Array(x.length), wanted = energy(x);
    if (!wanted) return noise;
    let size = 2;
    while (size < x.length) size *= 2;
    const { reversed, run } = Gallery.fourier(size);
    const re = new Float64Array(size), im = new Float64Array(size);
    for (let i = 0; i < x.length; i++) re[reversed[i]] = x[i];
    run(re, im);
    const drawn = uniform(x.length);
    const a = new Float64Array(size), b = new Float64Array(size);
    for (let k = 0; k <= size / 2; k++) {
      const magnitude = Math.hypot(re[k], im[k]), phase = 2 * Math.PI * drawn();
      const real = k === 0 || k === size / 2; // these two are not turned
      const c = real ? re[k] : magnitude * Math.cos(phase), s = real ? 0 : magnitude * Math.sin(phase);
      a[reversed[k]] = c;
      b[reversed[k]] = s;
      if (!real) {
        a[reversed[size - k]] = c;
        b[reversed[size - k]] = -s;
      }
    }
    run(a, b); // back and forth differ by order and scale, which noise does not tell
    for (let i = 0; i < x.length; i++) noise[i] = a[i];
    const factor = Math.sqrt(wanted / energy(noise));
    return noise.map((value) => value * factor);
  };
})(window.Gallery);
