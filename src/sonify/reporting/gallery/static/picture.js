"use strict";
(function (Gallery) {
  const WINDOW = 256; // 31 Hz a row up to half the rate, as in the overview
  const ROWS = WINDOW / 2;
  const HANN = Float64Array.from(
    { length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
  const { reversed, run } = Gallery.fourier(WINDOW);

  // Power, ROWS values a column from low to high, without 0 Hz; each column the mean of as many
  // windows as leave no gap.
  Gallery.spectrogram = function (x, columns) {
    const each = Math.max(1, Math.ceil(x.length / (columns * ROWS)));
    const power = new Float32Array(columns * ROWS);
    const re = new Float64Array(WINDOW), im = new Float64Array(WINDOW);
    for (let n = 0; n < columns * each; n++) {
      const first = Math.round((n * (x.length - 1)) / (columns * each)) - ROWS;
      for (let i = 0; i < WINDOW; i++) re[reversed[i]] = (x[first + i] || 0) * HANN[i];
      im.fill(0);
      run(re, im);
      const column = Math.floor(n / each) * ROWS;
      for (let k = 0; k < ROWS; k++) {
        power[column + k] += (re[k + 1] * re[k + 1] + im[k + 1] * im[k + 1]) / each;
      }
    }
    return power;
  };

  /**
   * Fits the drawing to the screen's own pixels; returns its context.
   * @param {HTMLCanvasElement} canvas
   */
  function fitted(canvas) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    return context2d(canvas);
  }

  /** @param {HTMLCanvasElement} canvas */
  function context2d(canvas) {
    return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  // Red, green and blue of 256 levels.
  function palette() {
    const digits = Gallery.catalogue.palette;
    return Uint8Array.from(
      { length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
  }

  // Spectrograms of several signals on one scale, full colour for the loudest of all.
  Gallery.drawSpectrograms = function (canvases, signals) {
    const { range } = Gallery.catalogue;
    const colours = palette();
    const columns = Math.max(1, Math.min(640, canvases[0].clientWidth));
    const powers = signals.map((x) => Gallery.spectrogram(x, columns));
    let loudest = 0;
    for (const power of powers) for (const value of power) loudest = Math.max(loudest, value);
    powers.forEach(function (power, which) {
      const picture = new ImageData(columns, ROWS), { data } = picture;
      for (let n = 0; n < power.length; n++) {
        const share = loudest ? 1 + (10 * Math.log10(power[n] / loudest)) / range : 0;
        const level = Math.round(255 * Math.max(0, share)) || 0;
        const pixel = 4 * ((ROWS - 1 - (n % ROWS)) * columns + Math.floor(n / ROWS));
        for (let c = 0; c < 3; c++) data[pixel + c] = colours[3 * level + c];
        data[pixel + 3] = 255;
      }
      const small = document.createElement("canvas");
      small.width = columns;
      small.height = ROWS;
      context2d(small).putImageData(picture, 0, 0);
      const canvas = canvases[which];
      const context = fitted(canvas);
      context.drawImage(small, 0, 0, canvas.width, canvas.height);
    });
  };

  // Waveforms over each other: [samples, colour] in the order drawn, on one scale.
  Gallery.drawWaveforms = function (canvas, waves) {
    const context = fitted(canvas);
    const { width, height } = canvas;
    let peak = 1e-9;
    for (const [x] of waves) for (const value of x) peak = Math.max(peak, Math.abs(value));
    for (const [x, colour] of waves) {
      context.fillStyle = colour;
      for (let column = 0; column < width; column++) {
        const end = Math.max(Math.ceil(((column + 1) * x.length) / width), 1);
        let low = Infinity, high = -Infinity;
        for (let i = Math.floor((column * x.length) / width); i < end; i++) {
          low = Math.min(low, x[i]);
          high = Math.max(high, x[i]);
        }
        const top = (0.5 - (0.48 * high) / peak) * height;
        context.fillRect(column, top, 1, Math.max(1, ((0.48 * (high - low)) / peak) * height));
      }
    }
  };
})(window.Gallery);
