/** Asks the store again and again, as a busy console would, and says how many answers it got. */
import { strict as assert } from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { questionsOf } from './questions.ts';

assert(parentPort !== null, 'this file runs in a worker thread');
const port = parentPort;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only the benchmark starts this file, and with this.
const { folder, untilMs } = workerData as { readonly folder: string; readonly untilMs: number };
const questions = questionsOf(folder, untilMs);
let answers = 0;

port.on('message', () => {
  port.postMessage(answers);
  port.close();
  clearInterval(timer);
});
const timer = setInterval(() => {
  questions[answers % questions.length]?.ask();
  answers += 1;
}, 100);
