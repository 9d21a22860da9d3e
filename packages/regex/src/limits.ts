/** Every limit of the package, with its unit and its reason. */
export const REGEX_LIMITS = {
  /**
   * Automaton instructions per pattern. A counted repeat costs its body times its upper count, and counts multiply:
   * `(a{1,1000}){1,1000}` is a million. The largest of the OWASP CRS needs 7,000.
   */
  instructionsMax: 100_000,
  /** Code units of one pattern: parsing is linear, but its tree is about a hundred times the text. */
  patternLengthMax: 1_000_000,
  /** Groups inside groups. The compiler recurses once per level, so this bounds its stack. */
  nestingMax: 250,
  /** Count in a counted repeat, as in PCRE2. */
  repeatMax: 65_535,
  /** Capture groups per pattern: every thread of the NFA simulation carries two numbers for each. */
  capturesMax: 1_000,
  /** Slots that the simulation may need, two for each group and instruction: 32 MiB for each of its two lists. */
  captureSlotsMax: 8_388_608,
  /**
   * Bytes that the lazily built automata of one pattern may hold, or of one set together. When they are full they
   * start again empty; a hostile input can only make that happen, not grow them.
   */
  cacheBytesMax: 4_194_304,
  setCacheBytesMax: 64_194_304,
  /**
   * Instructions of the patterns of one subset that are run together, in one pass. More are run one by one behind the
   * prefilter. The whole CRS has about 110,000.
   */
  togetherInstructionsMax: 500_000,
  /** Literal bytes taken from the front of one required literal: more would only make the prefilter larger. */
  literalLengthMax: 10,
  /** Alternatives in one required-literal clause; larger clauses are given up. */
  clauseLiteralsMax: 600,
  /** Automaton states of the literals of one set. A state costs about 20 bytes. */
  literalStatesMax: 400_000,
  /** Bits of the visited table of the bounded backtracker: past this the NFA simulation finds the captures. */
  backtrackBitsMax: 2_097_152,
  /** Bytes of the buffer that a set keeps for the text it searches; one for a longer text goes when it is not needed. */
  textBytesKeptMax: 65_536,
  /** Shorter texts after which such a buffer goes. Between the forms of one long value it would be made anew each time. */
  textsBeforeShrinking: 256,
} as const;
