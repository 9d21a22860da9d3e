/**
 * Who is calling: verification of signed tokens. Answers are values; nothing here throws because of what a caller sent.
 *
 * @module
 */
export {
  type AccessFault,
  type AccessVerdict,
  type AccessVerifier,
  type AccessVerifierCounts,
  type AccessVerifierOptions,
  createAccessVerifier,
} from './access-verifier.ts';
export { fetchJwks, type JwksFetch } from './fetch-jwks.ts';
export { isJwks } from './jwks.ts';
