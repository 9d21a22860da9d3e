/** Judges three clients by the image it was given, marks the image, and sends the verdicts back. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ListsImage, lists } from '../src/index.ts';
import { exchangeOf } from './exchange.ts';

const image: ListsImage = workerData;
const stage = lists.instantiate(image);
const addresses = ['192.0.2.1', '192.0.2.7', '2001:db8::1'];
const verdicts = addresses.map((address) => stage.inspect(exchangeOf({ address })));
image.v4.values[0] = 255;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- the rule takes a thread's port for a window
parentPort?.postMessage(verdicts);
