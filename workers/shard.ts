/** Entry point of a shard thread: one synchronous loop until main stops it. */
import { workerData } from 'node:worker_threads';
import type { ShardPlan } from '../src/config/thread-plan.js';
import { runShard } from '../src/shard/shard.js';
import { nameThread } from '../src/storage/thread-name.js';

const plan = workerData as ShardPlan;
nameThread(`shard-${plan.index}`);
runShard(plan);
