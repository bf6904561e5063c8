/**
 * A storing thread whose broker kills the process: see `doomed_server.ts`.
 *
 * @module
 */
import { doom } from "./doomed_broker.ts";
import { runLate } from "./late_script.ts";

const { searchParams } = new URL(import.meta.url);
doom(searchParams.get("moment") ?? "", Number(searchParams.get("nth")));
await runLate(() => import("../../server/broker/threads/storing_worker.ts"));
