import { refuse } from '../problem.ts';
import { answer, type Route, route } from '../route.ts';
import { serviceHistoryAnswer, servicesAnswer } from '../schemas-services.ts';

/** Whether everything is all right. */
export const SERVICE_ROUTES: readonly Route[] = [
  route({
    operation: 'listServices',
    method: 'GET',
    path: '/api/v1/services',
    access: 'session',
    summary: 'The services that are checked, how each of them is, and the certificates that the gateway serves.',
    answer: servicesAnswer,
    wants: 'answer',
    call: ({ plane }) => answer(plane.services.list()),
  }),
  route({
    operation: 'getService',
    method: 'GET',
    path: '/api/v1/services/{id}',
    access: 'session',
    summary: 'One service by its name, with its last checks, its changes of state and its days.',
    answer: serviceHistoryAnswer,
    wants: 'answer',
    problems: ['NOT_FOUND'],
    call: ({ plane }, { id }) => {
      const found = plane.services.find(id);
      return found === undefined ? refuse('NOT_FOUND', 'no service of this name is configured') : answer(found);
    },
  }),
];
