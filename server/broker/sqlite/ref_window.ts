/**
 * The newest messages of one room that carried a `ref`, so that a repeated one is recognised. The
 * window is bounded and lies in memory; it is rebuilt from the hashes that are stored with each batch.
 * An index on disk would cost a random page write for every message.
 *
 * It keeps 64 bits of hash for each, in flat arrays: a map of strings took a tenth of a busy server's
 * time, most of it for the garbage collector. So an answer is a place to look, and the message that
 * is found there has the last word.
 *
 * @module
 */
export class RefWindow {
  readonly #size: number;
  readonly #seeds: Uint32Array;
  #young = new Table(64);
  #old = new Table(64);

  /**
   * @param size how many messages are remembered at the least; at most twice as many are.
   * @param seeds two secret numbers, so that nobody can choose `ref`s that collide. The same for as
   * long as hashes are stored that were made with them.
   */
  constructor(size: number, seeds: Uint32Array) {
    this.#size = size;
    this.#seeds = seeds;
  }

  /** Remembers a message by the hash that {@linkcode RefWindow.claim} gave. */
  restore(hashLow: number, hashHigh: number, seq: number): void {
    this.#makeRoom();
    low = hashLow;
    high = hashHigh;
    this.#young.set(this.#young.find(), seq);
  }

  /**
   * The `seq` that this person's `ref` seems to have been given; if none, it is given this one. It may
   * be a place where nothing was stored after all, or something else.
   *
   * @param hashes what the hash is appended to, for {@linkcode RefWindow.restore}.
   * @returns 0 if it was given this one.
   */
  claim(userId: string, ref: string, seq: number, hashes: Hashes): number {
    this.#makeRoom();
    hash(userId, ref, this.#seeds);
    hashes.push(low, high);
    const slot = this.#young.find();
    const had = this.#young.get(slot) || this.#old.get(this.#old.find());
    if (had === 0) this.#young.set(slot, seq);
    return had;
  }

  /** Gives it that `seq`, whatever it was given before. */
  give(userId: string, ref: string, seq: number): void {
    hash(userId, ref, this.#seeds);
    this.#young.set(this.#young.find(), seq);
  }

  #makeRoom(): void {
    if (this.#young.count < this.#size) return;
    this.#old = this.#young;
    this.#young = new Table(this.#old.slots); // it will hold as many
  }
}

/**
 * The hashes of a batch's `ref`s, 8 bytes for each event, all 0 for one without. Numbers of 32 bits in
 * a plain array would be objects.
 */
export class Hashes {
  #halves: Uint32Array<ArrayBuffer>;
  #length = 0;
  #any = false;

  /** @param expected how many are likely to come; it grows when more do. */
  constructor(expected = 16) {
    this.#halves = new Uint32Array(2 * expected);
  }

  push(low: number, high: number): void {
    if (this.#length === this.#halves.length) {
      const grown = new Uint32Array(this.#length * 2);
      grown.set(this.#halves);
      this.#halves = grown;
    }
    this.#halves[this.#length++] = low;
    this.#halves[this.#length++] = high;
    this.#any ||= low !== 0;
  }

  /** Takes the last back: its event is not stored. */
  pop(): void {
    this.#length -= 2;
  }

  /** Those of some events as a blob; `undefined` if there is none in the batch. */
  bytes(from: number, to: number): Uint8Array | undefined {
    return this.#any ? new Uint8Array(this.#halves.buffer, 8 * from, 8 * (to - from)) : undefined;
  }
}

/** The hash of what is asked for, in two halves: here, and not returned, as it is made so often. */
let low = 0;
let high = 0;

/** FNV-1a twice, with different seeds and primes. A NUL, which neither may contain, parts the two. */
function hash(userId: string, ref: string, seeds: Uint32Array): void {
  low = seeds[0] ?? 0;
  high = seeds[1] ?? 0;
  mix(userId);
  low = Math.imul(low, 0x01000193);
  high = Math.imul(high, 0x85ebca6b);
  mix(ref);
  low = (low ^ (low >>> 15)) >>> 0;
  high = (high ^ (high >>> 13)) >>> 0;
}

function mix(text: string): void {
  let [l, h] = [low, high];
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    l = Math.imul(l ^ unit, 0x01000193);
    h = Math.imul(h ^ unit, 0x85ebca6b);
  }
  low = l;
  high = h;
}

/** Numbers in a slot: two halves of a hash, and a `seq`; all 0 in one that is free. */
const WIDTH = 3;

/** An open-addressed hash table, at most half full. */
class Table {
  count = 0;
  #slots: Uint32Array;

  /** @param slots a power of two. */
  constructor(slots: number) {
    this.#slots = new Uint32Array(slots * WIDTH);
  }

  get slots(): number {
    return this.#slots.length / WIDTH;
  }

  /** Where the hash is, or the free slot where it would be. */
  find(): number {
    const slots = this.#slots;
    const mask = this.slots - 1;
    for (let slot = low & mask;; slot = (slot + 1) & mask) {
      const at = slot * WIDTH;
      if (slots[at] === low && slots[at + 1] === high) return at;
      if (slots[at] === 0 && slots[at + 1] === 0) return at;
    }
  }

  get(at: number): number {
    return this.#slots[at + 2] ?? 0;
  }

  /** @param at where it was found, after which nothing else was set. */
  set(at: number, seq: number): void {
    if (this.get(at) === 0) this.count++;
    this.#put(at, seq);
    if (this.count * 2 >= this.slots) this.#grow();
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    for (let at = 0; at < before.length; at += WIDTH) {
      low = before[at] ?? 0;
      high = before[at + 1] ?? 0;
      const seq = before[at + 2] ?? 0;
      if (seq !== 0) this.#put(this.find(), seq);
    }
  }

  #put(at: number, seq: number): void {
    this.#slots[at] = low;
    this.#slots[at + 1] = high;
    this.#slots[at + 2] = seq;
  }
}
