export { type Arena, type ArenaAddress, type ArenaOptions, createArena } from './arena.ts';
