/** A metric as an expression of Prometheus uses it. */
export interface MetricUse {
  readonly metric: string;
  /** Labels that are compared. */
  readonly labels: readonly string[];
}

/**
 * The metrics of ours in an expression, and the labels by which series are put together. No parser of the language: names of
 * ours begin with one of few words, and only labels stand in braces and behind `by` and `on`.
 */
export function usesIn(expression: string): {
  readonly metrics: readonly MetricUse[];
  readonly grouped: readonly string[];
} {
  const grouped = [...expression.matchAll(/\b(?:by|on|without) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    namesIn(list),
  );
  const rest = expression.replaceAll(/\b(?:by|on|without) \([^)]*\)/g, '');
  const metrics = [
    ...rest.matchAll(/\b((?:gateway|sallyport|process|nodejs|system|http|proxy|app|security)_[a-z0-9_]+)(\{[^}]*\})?/g),
  ]
    .filter(({ index }) => !isInBraces(rest, index))
    .map(([, metric = '', selector = '']) => ({
      metric,
      labels: [...selector.matchAll(/([a-z_]+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label),
    }));
  return { metrics, grouped };
}

function namesIn(list: string): readonly string[] {
  return list.split(',').map((name) => name.trim());
}

function isInBraces(text: string, at: number): boolean {
  return text.lastIndexOf('{', at) > text.lastIndexOf('}', at);
}
