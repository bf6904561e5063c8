/**
 * The newest messages of one room that carried a `ref`, so that a repeated one is recognised. The
 * window is bounded and lies in memory only: the log's own tail is what it is rebuilt from. An index
 * on disk would cost a random page write for every message.
 *
 * It keeps 64 bits of hash for each, in flat arrays: a map of strings took a tenth of a busy server's
 * time, most of it for the garbage collector. So an answer is a place to look, and the message that
 * is found there has the last word.
 *
 * @module
 */
export class RefWindow {
  readonly #size: number;
  #young = new Table();
  #old = new Table();

  /** @param size how many messages are remembered at the least; at most twice as many are. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The `seq` that this person's `ref` seems to have been given; 0 if none. */
  get(userId: string, ref: string): number {
    hash(userId, ref);
    return this.#young.get() || this.#old.get();
  }

  add(userId: string, ref: string, seq: number): void {
    if (this.#young.count >= this.#size) {
      this.#old = this.#young;
      this.#young = new Table();
    }
    hash(userId, ref);
    this.#young.set(seq);
  }

  /** Forgets what was added for a batch that was not committed after all. */
  remove(userId: string, ref: string): void {
    hash(userId, ref);
    this.#young.forget();
    this.#old.forget();
  }
}

/** The hash of what is asked for, in two halves: here, and not returned, as it is made so often. */
let low = 0;
let high = 0;
/** Not the same in any two processes, so that nobody can choose `ref`s that collide. */
const SEEDS = crypto.getRandomValues(new Uint32Array(2));

/** FNV-1a twice, with different seeds and primes. A NUL, which neither may contain, parts the two. */
function hash(userId: string, ref: string): void {
  low = SEEDS[0] ?? 0;
  high = SEEDS[1] ?? 0;
  mix(userId);
  low = Math.imul(low, 0x01000193);
  high = Math.imul(high, 0x85ebca6b);
  mix(ref);
  low = (low ^ (low >>> 15)) >>> 0;
  high = (high ^ (high >>> 13)) >>> 0;
}

function mix(text: string): void {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
}

/** Numbers in a slot: two halves of a hash, and a `seq`; all 0 in one that is free. */
const WIDTH = 3;

/** An open-addressed hash table, at most half full. */
class Table {
  count = 0;
  #slots = new Uint32Array(64 * WIDTH);

  get(): number {
    const at = this.#find(this.#slots);
    return this.#slots[at + 2] ?? 0;
  }

  set(seq: number): void {
    if (this.count * 2 * WIDTH >= this.#slots.length) this.#grow();
    this.#put(this.#slots, seq);
    this.count++;
  }

  /** The slot stays taken: others may lie behind it. */
  forget(): void {
    const at = this.#find(this.#slots);
    this.#slots[at + 2] = 0;
  }

  #put(slots: Uint32Array, seq: number): void {
    const at = this.#find(slots);
    slots[at] = low;
    slots[at + 1] = high;
    slots[at + 2] = seq;
  }

  /** Where the hash is, or the free slot where it would be. */
  #find(slots: Uint32Array): number {
    const mask = slots.length / WIDTH - 1;
    for (let slot = low & mask;; slot = (slot + 1) & mask) {
      const at = slot * WIDTH;
      if (slots[at] === low && slots[at + 1] === high) return at;
      if (slots[at] === 0 && slots[at + 1] === 0) return at;
    }
  }

  #grow(): void {
    const [keptLow, keptHigh] = [low, high];
    const slots = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += WIDTH) {
      low = this.#slots[at] ?? 0;
      high = this.#slots[at + 1] ?? 0;
      if (low !== 0 || high !== 0) this.#put(slots, this.#slots[at + 2] ?? 0);
    }
    this.#slots = slots;
    [low, high] = [keptLow, keptHigh];
  }
}
