import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyPair } from '@sallyport/kernel';
import type { z } from 'zod';
import type { ParseContext } from '../context.ts';
import { addIssue, section } from '../leaf.ts';
import { fileContent, secretFileContent } from '../leaves.ts';

/** A certificate with its private key. They must belong together, and the certificate must be valid now. */
export function keyPair(context: ParseContext): z.ZodType<KeyPair> {
  return section('A certificate with its key.', {
    certificate: fileContent('PEM file of the certificate and its chain, the certificate first.', context),
    key: secretFileContent('PEM file of the private key, readable by the gateway alone, or a reference.', context),
  }).transform((pair, issues): KeyPair => {
    const certificate = parseCertificate(pair.certificate);
    if (certificate === undefined) {
      addIssue(issues, 'is not a PEM certificate', { path: ['certificate'] });
      return pair;
    }
    const key = parseKey(pair.key);
    if (typeof key === 'string') addIssue(issues, key, { path: ['key'] });
    else if (!certificate.checkPrivateKey(key)) {
      addIssue(issues, 'does not belong to the certificate beside it', { path: ['key'] });
    }
    checkValidity(certificate, context, (problem, kind) => addIssue(issues, problem, { path: ['certificate'], kind }));
    return pair;
  });
}

/** Days before its end from which on a certificate is worth a warning. */
const EXPIRY_WARNING_DAYS = 14;

const DAY_MS = 86_400_000;

/** Undefined when the text holds no certificate that can be read. */
export function parseCertificate(pem: string): X509Certificate | undefined {
  // Without this a DER file or a key would give the same answer as a broken certificate only by luck.
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function parseKey(pem: string): ReturnType<typeof createPrivateKey> | string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(pem)) {
    return 'is encrypted; the gateway starts without anybody to type a passphrase';
  }
  try {
    return createPrivateKey(pem);
  } catch {
    return 'is not a PEM private key';
  }
}

function checkValidity(
  certificate: X509Certificate,
  context: ParseContext,
  report: (problem: string, kind: 'value' | 'warning') => void,
): void {
  const begin = certificate.validFromDate;
  const end = certificate.validToDate;
  const daysLeft = (end.getTime() - context.nowMs) / DAY_MS;
  if (daysLeft <= 0) report(`names a certificate that expired on ${day(end)}`, 'value');
  else if (begin.getTime() > context.nowMs)
    report(`names a certificate that is not valid before ${day(begin)}`, 'value');
  else if (daysLeft < EXPIRY_WARNING_DAYS && context.isWarning) {
    report(`names a certificate that ends on ${day(end)}`, 'warning');
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
