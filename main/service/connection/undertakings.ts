// One thing at a time is under way: the end of something older tells nothing any more.

export class Undertakings {
  #latest = 0;

  /** `work` may ask whether it is still what matters; `failed` and `done` are called only then. */
  begin(
    work: (isCurrent: () => boolean) => Promise<void>,
    done: () => void,
    failed: (error: unknown) => void,
  ): void {
    this.giveUp();
    const own = this.#latest;
    const isCurrent = () => this.#latest === own;
    work(isCurrent).then(
      () => {
        if (isCurrent()) done();
      },
      (error: unknown) => {
        if (isCurrent()) failed(error);
      },
    );
  }

  /** What is under way does not matter any more. */
  giveUp(): void {
    this.#latest += 1;
  }
}
