import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyPair } from '@sallyport/kernel';

/** A certificate authority that lives as long as a test. */
export interface Authority {
  readonly certificate: string;
  /** `names`: as openssl writes them, for example `DNS:arena.internal` or `IP:127.0.0.1`. */
  readonly issue: (names: string) => KeyPair;
  readonly remove: () => void;
}

export function createAuthority(commonName: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-ca-'));
  const file = (name: string): string => join(folder, name);
  const openssl = (...parameters: readonly string[]): void => {
    execFileSync('openssl', parameters, { stdio: 'pipe' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-batch'];
  openssl('req', '-x509', ...newKey, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', `/CN=${commonName}`);
  let issued = 0;
  return {
    certificate: readFileSync(file('ca.pem'), 'utf8'),
    issue: (names) => {
      issued += 1;
      const [key, request, certificate, extensions] = ['key', 'csr', 'pem', 'ext'].map((end) =>
        file(`${issued}.${end}`),
      );
      if (key === undefined || request === undefined || certificate === undefined || extensions === undefined) {
        throw new Error('there are four names');
      }
      writeFileSync(extensions, `subjectAltName=${names}\n`);
      openssl('req', '-new', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${issued}`);
      const authority = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial'];
      openssl('x509', '-req', '-in', request, ...authority, '-extfile', extensions, '-out', certificate);
      return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
