/**
 * Reads of typed arrays at places that the caller has computed from the array itself. One function per element type:
 * a shared one would see several types and lose its inline cache. `?? 0` never happens; optimised code drops it.
 */
export function int32At(array: Int32Array, index: number): number {
  return array[index] ?? 0;
}

export function uint8At(array: Uint8Array, index: number): number {
  return array[index] ?? 0;
}

export function float64At(array: Float64Array, index: number): number {
  return array[index] ?? 0;
}
