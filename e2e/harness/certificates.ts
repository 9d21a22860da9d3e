import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate with its key, as files. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of a test, made with the `openssl` command in a folder. */
export class Authority implements KeyPair {
  readonly certificate: string;
  readonly key: string;
  readonly #directory: string;

  private constructor(directory: string, name: string) {
    this.#directory = directory;
    this.certificate = join(directory, `${name}.pem`);
    this.key = join(directory, `${name}.key`);
  }

  static create(directory: string, name: string): Authority {
    const authority = new Authority(directory, name);
    openssl(
      ['req', '-x509', '-nodes', ...NEW_KEY, '-keyout', authority.key, '-out', authority.certificate, '-days', DAYS],
      ['-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=keyCertSign'],
    );
    chmodSync(authority.key, 0o600);
    return authority;
  }

  /** Signs a certificate for DNS names or IP addresses, for servers and clients. */
  issue(name: string, subjects: readonly string[]): KeyPair {
    const pair = { certificate: join(this.#directory, `${name}.pem`), key: join(this.#directory, `${name}.key`) };
    const request = join(this.#directory, `${name}.csr`);
    const extensions = join(this.#directory, `${name}.ext`);
    const names = subjects.map((subject) => `${/^[0-9.]+$|:/.test(subject) ? 'IP' : 'DNS'}:${subject}`);
    writeFileSync(extensions, `subjectAltName=${names.join(',')}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl(['req', '-nodes', ...NEW_KEY, '-keyout', pair.key, '-out', request, '-subj', `/CN=${name}`]);
    openssl(
      ['x509', '-req', '-in', request, '-CA', this.certificate, '-CAkey', this.key, '-CAcreateserial', '-days', DAYS],
      ['-extfile', extensions, '-out', pair.certificate],
    );
    chmodSync(pair.key, 0o600);
    return pair;
  }

  get pem(): string {
    return readFileSync(this.certificate, 'utf8');
  }
}

/** What `node:tls` wants of a key pair. */
export function pemsOf({ certificate, key }: KeyPair): { readonly cert: string; readonly key: string } {
  return { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
const DAYS = '7';

function openssl(...parts: readonly (readonly string[])[]): void {
  execFileSync('openssl', parts.flat(), { stdio: ['ignore', 'ignore', 'pipe'] });
}
