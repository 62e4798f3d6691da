"use strict";
// Figure 5 to step through: one filter's sonification at every kept checkpoint of training.
(function (Gallery) {
  const { element, words } = Gallery;

  class Evolution {
    // onpick(index, epoch): the user chose a filter or a checkpoint; onactive: turned to the card.
    /**
     * @param {Evolved[]} list
     * @param {(index: number, epoch: number | null) => void} onpick
     * @param {() => void} onactive
     */
    constructor(list, onpick, onactive) {
      this.list = list;
      this.onpick = onpick;
      this.onactive = onactive;
      /** @type {Map<string, Card>} */
      this.cards = new Map();
      /** @type {Card | null} */
      this.card = null;
      /** @type {EvolvedState | null} */
      this.wanted = null;
      this.names = list.map((one) => `${one.model}, layer ${one.layer}, filter ${one.filter}, ` +
        (one.inputs === "fixed" ? "fixed input" : "its own top input at each checkpoint"));
      this.picker = element("select", { id: "evolved", onchange: () => onpick(+this.picker.value, null) },
        ...this.names.map((name, i) => element("option", { value: i }, name)));
      this.holder = element("div", {});
      this.root = element("div", {},
        element("p", {}, element("label", { class: "name", for: "evolved" }, "Filter"), this.picker),
        this.holder);
    }

    /**
     * Show filter `wanted.index` at `wanted.epoch`, or at the last one, which is then put there.
     * @param {EvolvedState} wanted
     */
    async show(wanted) {
      const { index } = wanted, one = this.list[index];
      this.wanted = wanted;
      /** @type {Checkpoint[]} */
      const steps = await Gallery.load(`evolution/${index}`);
      if (this.wanted !== wanted) return;
      const found = steps.findIndex((step) => step.epoch === wanted.epoch);
      const at = found < 0 ? steps.length - 1 : found, step = steps[at];
      wanted.epoch = step.epoch;
      this.picker.value = String(index);
      this.card = this.cards.get(one.regime) || new Gallery.Card(one.regime, this.onactive);
      this.cards.set(one.regime, this.card);
      if (!this.card.root.isConnected) this.holder.replaceChildren(this.card.root); // or clicks are lost
      this.card.show({
        key: `evolution/${index}/${step.epoch}`,
        title: `${this.names[index]}, epoch ${step.epoch}`,
        link: "#" + Gallery.evolutionPath({ ...one, epoch: step.epoch }),
        facts: [["epoch", String(step.epoch)],
          ["change since the previous one", words.measure(step.change)]],
        takesName: "Checkpoints",
        takes: steps.map((other, i) => ({
          name: String(other.epoch),
          label: `Epoch ${other.epoch}`,
          class: "step",
          style: Gallery.tileStyle(`evolution/${index}`, i, steps.length),
          chosen: i === at,
          choose: () => this.onpick(index, other.epoch),
        })),
        clip: () => Gallery.load(`clips/${step.clip}`),
        signal: async () => step.signal,
        seconds: null,
        activation: step.activation,
      });
    }
  }

  Gallery.Evolution = Evolution;
})(window.Gallery);
