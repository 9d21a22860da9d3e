/**
 * Tests that assert what another server's HTTP parser does before rules see anything. What Sallyport does instead is part
 * of the reason.
 */
export const EXCLUDED: ReadonlyMap<string, string> = new Map([
  ['920620-1', 'expects Apache to join two Content-Type fields; here both are seen and rule 920620 matches'],
]);
