import type { WafConfig, WafExclusion, WafPolicy } from '@sallyport/kernel';
import { formatSize } from './units.ts';

/** The section `waf` as the file has it. */
export function describeWaf({ policy, heldBytesMax, heldPerClientBytesMax }: WafConfig): object {
  return {
    ...describeWafPolicy(policy),
    heldMax: formatSize(heldBytesMax),
    heldPerClientMax: formatSize(heldPerClientBytesMax),
  };
}

/** `routes[].waf`. What the rules themselves decide is left out. */
export function describeWafPolicy({ mode, rules, scoring, request, response, exclusions }: WafPolicy): object {
  return {
    mode,
    rules,
    ...present({
      paranoia: scoring.paranoia,
      detectionParanoia: scoring.detectionParanoia,
      inboundThreshold: scoring.inboundThreshold,
      outboundThreshold: scoring.outboundThreshold,
      earlyBlocking: scoring.isEarlyBlocking,
    }),
    request: {
      body: request.isBodyInspected,
      bodyMax: formatSize(request.bodyBytesMax),
      aboveBodyMax: request.aboveBodyMax,
      encodedBody: request.encodedBody,
    },
    response: {
      inspect: response.isInspected,
      types: response.types,
      bodyMax: formatSize(response.bodyBytesMax),
      window: formatSize(response.windowBytes),
      aboveBodyMax: response.aboveBodyMax,
    },
    exclusions: exclusions.map(describeExclusion),
  };
}

function describeExclusion({ rules, target, path, exactPath, reason, until }: WafExclusion): object {
  const which = 'tag' in rules ? { tag: rules.tag } : { rules: rules.ids };
  return { ...which, ...present({ target, path, exactPath }), reason, until };
}

function present(entries: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}
