/**
 * Reads the body of a server-sent event stream, of the form that this server writes. Unlike an
 * `EventSource` it leaves it to its caller when to come back, and why a stream was refused can be seen.
 *
 * @module
 */
import type { Event } from "../../server/protocol/messages.ts";

/** An event, and the id that came with it. */
export interface Block {
  readonly id: string | undefined;
  readonly event: Event;
}

/** Yields what has arrived, as it arrives. */
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

function parse(block: string): Block[] {
  const fieldOf = (name: string) => {
    const line = block.split("\n").find((line) => line.startsWith(`${name}: `));
    return line?.slice(name.length + 2);
  };
  const data = fieldOf("data");
  return data === undefined ? [] : [{ id: fieldOf("id"), event: JSON.parse(data) }];
}
