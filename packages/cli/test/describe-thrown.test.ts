import { expect, it } from 'vitest';
import { describeThrown } from '../src/notifications/describe-thrown.ts';

it.each([
  ['a text', 'no', { name: 'Thrown', message: 'no' }],
  ['nothing', undefined, { name: 'Thrown', message: 'undefined' }],
  ['an object without a prototype', Object.create(null), { name: 'Thrown', message: 'something that cannot be read' }],
  [
    'an error with a hostile getter',
    Object.defineProperty(new Error('no'), 'message', {
      get: () => {
        throw new Error('ha');
      },
    }),
    { name: 'Thrown', message: 'something that cannot be read' },
  ],
  [
    'an error whose fields are something else',
    Object.assign(new Error('no'), { name: 7, stack: null }),
    { name: '7', message: 'no', stack: '' },
  ],
])('describes %s', (_, cause: unknown, expected) => {
  expect(describeThrown(cause)).toEqual(expected);
});
