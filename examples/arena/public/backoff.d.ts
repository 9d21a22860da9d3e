export function comesBack(code: number): boolean;
export function reconnectDelayMs(attempt: number, random: () => number): number;
