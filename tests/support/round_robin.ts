/**
 * A reverse proxy that hands every request to the next of several nodes, whoever sent it: what a load
 * balancer without sticky sessions does.
 *
 * @module
 */
export class RoundRobin implements AsyncDisposable {
  readonly #nodes: readonly { readonly url: string }[];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Which node was handed each of the requests so far. */
  readonly turns: number[] = [];

  constructor(nodes: readonly { readonly url: string }[]) {
    this.#nodes = nodes;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#pass(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #pass(request: Request): Promise<Response> {
    const turn = this.turns.length % this.#nodes.length;
    this.turns.push(turn);
    const { pathname, search } = new URL(request.url);
    const { method, headers, body } = request;
    return fetch(`${this.#nodes[turn]?.url}${pathname}${search}`, { method, headers, body });
  }
}
