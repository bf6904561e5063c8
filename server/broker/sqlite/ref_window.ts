/**
 * A window remembers which `seq` the recent `ref`s of one room were given, so that a repeated message
 * is recognised. It is kept in memory and rebuilt from the hashes that are stored with each row. An
 * index on disk would cost a random page write for every message.
 *
 * It keeps a hash of 64 bits for each `ref`, in flat arrays: a map of strings took a tenth of a busy
 * server's time, most of it in the garbage collector. So an answer is only a hint, and the caller must
 * compare the message that it points to.
 *
 * @module
 */
export class RefWindow {
  readonly #size: number;
  readonly #seeds: Uint32Array;
  readonly #table = new Table();

  /**
   * @param size how many of the newest messages are remembered at least.
   * @param seeds two secret numbers, so that nobody can choose `ref`s that collide. Stored hashes are
   * only good for the seeds that they were made with.
   */
  constructor(size: number, seeds: Uint32Array) {
    this.#size = size;
    this.#seeds = seeds;
  }

  /** Remembers a message by the stored hash of its `ref`. */
  restore(hashLow: number, hashHigh: number, seq: number): void {
    low = hashLow;
    high = hashHigh;
    this.#put(this.#table.find(), seq);
  }

  /**
   * Looks up the `seq` of a user's `ref`, and gives it this one if it has none. The `seq` that is
   * found may hold another message, or none if the commit failed.
   *
   * @param hashes the hash is added to these, to be stored for {@linkcode RefWindow.restore}.
   * @returns the `seq` that was found; 0 if there was none.
   */
  claim(userId: string, ref: string, seq: number, hashes: Hashes): number {
    hash(userId, ref, this.#seeds);
    hashes.push(low, high);
    const slot = this.#table.find();
    const found = this.#table.get(slot);
    if (found === 0) this.#put(slot, seq);
    return found;
  }

  /** Returns what a user's `ref` was given; 0 if nothing. */
  get(userId: string, ref: string): number {
    hash(userId, ref, this.#seeds);
    return this.#table.get(this.#table.find());
  }

  /** Gives a user's `ref` that `seq`, in place of an earlier one. */
  set(userId: string, ref: string, seq: number): void {
    hash(userId, ref, this.#seeds);
    this.#put(this.#table.find(), seq);
  }

  #put(slot: number, seq: number): void {
    this.#table.set(slot, seq);
    if (this.#table.isFull) this.#table.forgetUpTo(seq - this.#size);
  }
}

/**
 * The hashes of the `ref`s of a batch: 8 bytes for each event, 0 for an event without `ref`. A typed
 * array, because in a plain array each number above 31 bits would be an object.
 */
export class Hashes {
  #halves: Uint32Array<ArrayBuffer>;
  #length = 0;
  #any = false;

  /** @param expected how many to make room for at first. */
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

  /** Removes the last hash: its event is not stored. */
  pop(): void {
    this.#length -= 2;
  }

  /** Returns the hashes of some events to be stored; `undefined` if no event of the batch has one. */
  bytes(from: number, to: number): Uint8Array | undefined {
    return this.#any ? new Uint8Array(this.#halves.buffer, 8 * from, 8 * (to - from)) : undefined;
  }
}

/** The halves of the present hash. They are variables because returning them would make an object. */
let low = 0;
let high = 0;

/** Hashes with FNV-1a twice, with different seeds and primes. A NUL separates the two texts. */
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

/** Numbers in a slot: two halves of a hash, and a `seq`. All are 0 in a free slot. */
const WIDTH = 3;

/** A hash table with open addressing. It is made anew when three quarters of it are full. */
class Table {
  #mask = 63;
  #slots = new Uint32Array(64 * WIDTH);
  #count = 0;

  get isFull(): boolean {
    return this.#count > this.#mask * 0.75;
  }

  /** Finds the slot of the present hash, or the free slot where it belongs. */
  find(): number {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = low & mask;; slot = (slot + 1) & mask) {
      const at = slot * WIDTH;
      if (slots[at] === low && slots[at + 1] === high) return at;
      if (slots[at] === 0 && slots[at + 1] === 0) return at;
    }
  }

  get(at: number): number {
    return this.#slots[at + 2] ?? 0;
  }

  /** @param at what `find` returned, with no other `set` in between. */
  set(at: number, seq: number): void {
    if (this.get(at) === 0) this.#count++;
    this.#slots[at] = low;
    this.#slots[at + 1] = high;
    this.#slots[at + 2] = seq;
  }

  /** Forgets what has that `seq` or a lower one. The slots become more if the rest fills half of them. */
  forgetUpTo(seq: number): void {
    const before = this.#slots;
    const isKept = (at: number) => (before[at + 2] ?? 0) > Math.max(0, seq);
    let kept = 0;
    for (let at = 0; at < before.length; at += WIDTH) if (isKept(at)) kept++;
    if (kept * 2 > this.#mask) this.#mask = this.#mask * 2 + 1;
    this.#slots = new Uint32Array((this.#mask + 1) * WIDTH);
    this.#count = 0;
    for (let at = 0; at < before.length; at += WIDTH) {
      if (!isKept(at)) continue;
      low = before[at] ?? 0;
      high = before[at + 1] ?? 0;
      this.set(this.find(), before[at + 2] ?? 0);
    }
  }
}
