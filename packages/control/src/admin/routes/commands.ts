import type { CommandAction } from '@sallyport/kernel';
import { canonicalNetwork } from '../../config/addresses.ts';
import type { CommandAnswer } from '../contract.ts';
import { type Refusal, refuse } from '../problem.ts';
import { answer, type Route, route } from '../route.ts';
import { commandAnswer, commandOrder } from '../schemas.ts';

/** What data planes can be told to do. */
export const COMMAND_ROUTES: readonly Route[] = [
  route({
    operation: 'giveCommand',
    method: 'POST',
    path: '/api/v1/commands',
    access: 'session',
    summary: 'Ends a connection or all of a client, sets the attack level, or drains. The same id is carried out once.',
    body: commandOrder,
    answer: commandAnswer,
    wants: 'order',
    call: async ({ plane }, { body }) => {
      const action = canonicalAction(body.action);
      if (action.kind === 'refusal') return action;
      const { acks, of } = await plane.command({ id: body.id, action });
      const done: CommandAnswer = { id: body.id, confirmed: { workers: acks.length, of }, acks };
      return answer(done, { summary: `${describeAction(action)}, command ${body.id}` });
    },
  }),
];

function canonicalAction(action: CommandAction): CommandAction | Refusal {
  if (action.kind !== 'close-client') return action;
  const client = canonicalNetwork(action.client);
  return client === undefined
    ? refuse('BODY_INVALID', 'action.client is not an address or a network')
    : { ...action, client };
}

function describeAction(action: CommandAction): string {
  switch (action.kind) {
    case 'close-connection':
      return `close connection ${action.connection}`;
    case 'close-client':
      return `close client ${action.client}`;
    case 'set-attack-level':
      return `set attack level ${action.level}`;
    case 'drain':
      return 'drain';
  }
}
