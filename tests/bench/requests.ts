/** Requests by the clock, beside whatever else a server has to do. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Answer {
  /** From the request to the last byte. */
  readonly milliseconds: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Asks for a URL so many times a second, for so many seconds, whether or not the one before has been
 * answered. The first request waits for half of a period, so the last answer has as long to come.
 *
 * @throws {Error} if an answer is not 200.
 */
export async function requests(
  url: string,
  perSecond: number,
  seconds: number,
  headers: HeadersInit = {},
): Promise<Answer[]> {
  const begin = performance.now();
  const answers: Promise<Answer>[] = [];
  for (let n = 0.5; n < seconds * perSecond; n++) {
    const early = begin + 1000 * n / perSecond - performance.now();
    if (early > 0) await sleep(early);
    const answer = ask(url, headers);
    answer.catch(() => {}); // It is looked at below.
    answers.push(answer);
  }
  return await Promise.all(answers);
}

async function ask(url: string, headers: HeadersInit): Promise<Answer> {
  const begin = performance.now();
  const response = await fetch(url, { headers });
  if (response.status !== 200) throw new Error(`${url}: ${await response.text()}`);
  const body = await response.bytes();
  return { milliseconds: performance.now() - begin, body };
}
