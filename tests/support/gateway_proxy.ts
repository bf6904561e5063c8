/**
 * A gateway that speaks HTTP: it refuses WebSockets, may answer in the server's place, and may hold a
 * response back until its end, as virus scanners do.
 *
 * @module
 */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

interface Planned {
  readonly path: string;
  readonly answer: Answer;
  readonly passOn: boolean;
  readonly done: () => void;
}

export class GatewayProxy implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #end = new AbortController();
  readonly #planned: Planned[] = [];
  /** Where it leads. */
  target: string;
  /** Whether responses are passed on only when they are complete. */
  holdsBack = false;
  /** Whether WebSockets are let through, until the first is cut. */
  passesSockets = false;
  readonly #sockets = new Set<WebSocket>();
  #swallowed: (() => void) | undefined;
  /** What was asked so far, as method and path. */
  readonly asked: string[] = [];

  constructor(target: string) {
    this.target = target;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => gone() },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Answers the next request whose path ends so in the server's place. Settles when it has. */
  answerOnce(path: string, answer: Answer, how?: "after passing it on"): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#planned.push({ path, answer, passOn: how !== undefined, done: resolve });
    return promise;
  }

  /**
   * Cuts the WebSockets when the next message comes back, which is stored then and nobody is told of,
   * and lets none through from then on. Settles when it has.
   */
  swallowEcho(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#swallowed = resolve;
    return promise;
  }

  #relay(request: Request): Response {
    const offered = request.headers.get("sec-websocket-protocol") ?? "";
    const { pathname, search } = new URL(request.url);
    const [protocol = ""] = offered.split(",").map((name) => name.trim()).toReversed();
    const inner = new WebSocket(this.target + pathname + search, protocol);
    const { socket: outer, response } = Deno.upgradeWebSocket(request, { protocol });
    const opened = new Promise((resolve) => inner.onopen = resolve);
    outer.onmessage = async ({ data }) => {
      await opened;
      inner.send(data);
    };
    inner.onmessage = ({ data }) => {
      if (this.#swallowed !== undefined && String(data).includes('"type":"chat"')) {
        this.passesSockets = false;
        this.#swallowed();
        this.#swallowed = undefined;
        for (const socket of this.#sockets) socket.close();
      } else if (outer.readyState === WebSocket.OPEN) {
        outer.send(data);
      }
    };
    this.#sockets.add(inner).add(outer);
    outer.onclose = () => inner.close();
    inner.onclose = () => outer.close();
    return response;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    for (const socket of this.#sockets) socket.close();
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    this.asked.push(`${request.method} ${pathname}${search}`);
    if (request.headers.has("upgrade")) {
      return this.passesSockets ? this.#relay(request) : new Response(null, { status: 403 });
    }
    const planned = this.#planned.find(({ path }) => pathname.endsWith(path));
    if (planned) this.#planned.splice(this.#planned.indexOf(planned), 1);
    if (planned && !planned.passOn) return answered(planned);
    const headers = new Headers(request.headers);
    headers.delete("host");
    // The server knows itself by its own address only.
    if (headers.has("origin")) headers.set("origin", this.target);
    const body = request.body === null ? {} : { body: await request.arrayBuffer() };
    const gaveUp = new AbortController();
    const response = await fetch(this.target + pathname + search, {
      method: request.method,
      headers,
      ...body,
      redirect: "manual",
      signal: AbortSignal.any([this.#end.signal, gaveUp.signal]),
    }).catch(gone);
    if (planned) {
      await response.body?.cancel();
      return answered(planned);
    }
    const { status } = response;
    const kept = new Headers(response.headers);
    kept.delete("content-length");
    kept.delete("content-encoding");
    if (!this.holdsBack || response.body === null) {
      return new Response(response.body, { status, headers: kept });
    }
    // The headers go out at once, the body in one piece when it has ended.
    const whole = response.bytes().catch(() => new Uint8Array());
    const held = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async start(controller) {
        try {
          controller.enqueue(await whole);
          controller.close();
        } catch {
          // Whoever waited for it has gone.
        }
      },
      cancel: () => gaveUp.abort(),
    });
    return new Response(held, { status, headers: kept });
  }
}

function answered({ answer: { status, type, body }, done }: Planned): Response {
  done();
  return new Response(body, { status, headers: { "content-type": type } });
}

function gone(): Response {
  return new Response("<h1>Bad Gateway</h1>", {
    status: 502,
    headers: { "content-type": "text/html" },
  });
}
