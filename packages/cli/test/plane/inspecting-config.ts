import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A configuration in `folder` whose rules are those of `own.conf` beside it, and whose state lies below it. */
export function writeInspectingConfig(folder: string): void {
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `version: 1
listeners: [{ name: front, address: 127.0.0.1:8080 }]
upstreams: { app: { servers: [http://127.0.0.1:3000] } }
routes: [{ name: app, upstream: app, profile: webapp }]
waf: { mode: block, rules: [own.conf] }
state: { folder: state }
`,
  );
}
