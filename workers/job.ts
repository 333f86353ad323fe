/** Entry point of a thread of the job pool, which calls the default export for each task. */
import { lowerThreadPriority } from '../src/storage/job-priority.js';
import { runJob } from '../src/storage/job-tasks.js';
import { nameThread } from '../src/storage/thread-name.js';

nameThread('job');
lowerThreadPriority();
// Piscina looks for a default export.
// eslint-disable-next-line no-restricted-syntax
export default runJob;
