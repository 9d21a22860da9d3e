/** Two good configurations that differ, and one that is not good. */
export const GOOD: string = configuration('FIRST', 60);
export const OTHER: string = configuration('SECOND', 30);
export const BAD: string = GOOD.replace('profile: game', 'profile: gaem').replace('upstream: game', 'upstream: gmae');

function configuration(secret: string, seconds: number): string {
  return `version: 1
listeners:
  - name: public
    address: 127.0.0.1:8080
    client:
      kind: cloudflare-tunnel
      proof: { kind: origin-secret, secrets: ['\${env:${secret}}'] }
upstreams:
  game: http://127.0.0.1:3000
routes:
  - name: game
    upstream: game
    profile: game
    request: { totalTimeout: ${seconds}s }
`;
}
