/** First in, first out, in constant time; and a way back in at the front for what goes out twice. */
export class WaitingQueue<Item> {
  #items: Item[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Puts items before all others, their order kept. Takes time in proportion to the queue. */
  putFirst(items: readonly Item[]): void {
    if (items.length === 0) return;
    this.#items = [...items, ...this.#items.slice(this.#head)];
    this.#head = 0;
  }

  shift(): Item | undefined {
    if (this.isEmpty) return undefined;
    const item = this.#items[this.#head];
    this.#head += 1;
    // Give the used front back once it is the larger half.
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    } else if (this.isEmpty) {
      this.#items.length = 0;
      this.#head = 0;
    }
    return item;
  }

  /** All items, first to last; the queue is empty afterwards. */
  takeAll(): Item[] {
    const items = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return items;
  }

  /** Removes the items that are not to be kept. */
  retain(isKept: (item: Item) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter(isKept);
    this.#head = 0;
  }
}
