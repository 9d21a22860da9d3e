/** Tests that assert what another server's HTTP parser does. What Sallyport does instead is part of the reason. */
export const EXCLUDED: ReadonlyMap<string, string> = new Map([
  ['920100-4', 'expects a proxy that carries CONNECT; the gateway never does, and answers 501'],
  ['920100-5', 'expects 400 for a CONNECT without a port; every CONNECT is answered with 501'],
  ['920181-1', 'expects Apache to take Content-Length away; here the request is refused, and rule 920181 says why'],
  ['931131-2', 'expects two slashes in the path; it is normalised first, and the upstream gets one'],
  ['920620-1', 'expects Apache to join two Content-Type fields; here both are seen and rule 920620 matches'],
]);
