/**
 * The Redis broker: the suite that every broker passes, and what only a log on another machine does.
 *
 * @module
 */
import { RedisBroker, type RedisOptions } from "../server/broker/redis.ts";
import { type Store, testBroker } from "./broker_suite.ts";
import { RedisProcess, WITHOUT_REDIS } from "./redis_process.ts";

/** A Redis of its own, empty. */
class RedisStore implements Store {
  readonly redis: RedisProcess;

  constructor(redis: RedisProcess) {
    this.redis = redis;
  }

  open(options: Partial<RedisOptions> = {}): Promise<RedisBroker> {
    return RedisBroker.open({
      url: this.redis.url,
      retainMessages: 0,
      retainDays: 0,
      dedupeMessages: 1000,
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis[Symbol.asyncDispose]();
  }
}

const make = async () => new RedisStore(await RedisProcess.start());

testBroker({ name: "redis", make, ignore: WITHOUT_REDIS });
