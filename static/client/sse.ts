/**
 * Reads the body of a server-sent event stream, in the form that this server writes. `EventSource`
 * is not enough: it reconnects when it likes, and does not tell why a stream was refused.
 *
 * @module
 */
import type { Event } from "../../server/protocol/messages.ts";

/** The id that came with an event, and the event. */
export type Block = readonly [id: string | undefined, event: Event];

/** Yields the blocks of each chunk as it arrives; none of them if the chunk completes none. */
export async function* readBlocks(body: ReadableStream<BufferSource>): AsyncGenerator<Block[]> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop() ?? "";
    yield blocks.flatMap(parse);
  }
}

/**
 * Parses one block.
 *
 * @returns an empty array if it has no data.
 */
function parse(block: string): Block[] {
  // A dot would not match the line separators that JSON leaves as they are.
  const fieldOf = (name: string) => block.match(`(^|\n)${name}: ([^\n]*)`)?.[2];
  const data = fieldOf("data");
  return data === undefined ? [] : [[fieldOf("id"), JSON.parse(data)]];
}
