/**
 * The broker of serving threads: the suite that every broker passes, over a storing thread.
 *
 * @module
 */
import { testBroker } from "./support/broker_suite.ts";
import { ThreadsStore } from "./support/threads_store.ts";

// deno-lint-ignore require-await -- another store may have to be started
testBroker({ name: "threads", make: async () => new ThreadsStore() });
